"""The variables of uploaded files: a folder of this machine, or a bucket."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

# https://cloud.google.com/storage/docs/buckets#naming (S3's are among these); each part of the folder is a plain name.
URL: Final = (
    r"(?P<scheme>gs|s3)://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])"
    r"(?P<folder>(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)/?"
)


@dataclass(frozen=True)
class Bucket:
    """A bucket, and a folder in it: empty, or with a slash at its end."""

    scheme: str
    """gs: Google Cloud Storage. s3: Amazon S3, or another service with its protocol."""
    name: str
    folder: str

    @property
    def url(self) -> str:
        """The address, as users write it."""
        return f"{self.scheme}://{self.name}/{self.folder}".rstrip("/")


class Uploads(BaseSettings):
    """The place of uploads, and the account that the application uses there."""

    media_url: str = Field(
        default="",
        pattern=f"^({URL})?$",
        description="Where uploads are, for all machines: `gs://BUCKET` or `s3://BUCKET`, each with `/FOLDER` if you "
        "like. Empty: below `/data`.",
    )
    media_credentials: Path = Field(
        default=Path("/run/secrets/media_credentials"),
        description="File with the key of the account that reads and writes uploads in that bucket.",
    )
    s3_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[a-z0-9.-]+(:[0-9]+)?)?$",
        description="The service of `s3://…`: `https://HOST`. Empty: Amazon's in `S3_REGION`.",
    )
    s3_region: str = Field(
        default="us-east-1", pattern="^[a-z0-9-]+$", description="The region of `s3://…`, which signatures name."
    )

    @property
    def media_bucket(self) -> Bucket | None:
        """The bucket of the uploads; None if they are in a folder."""
        if not (match := re.fullmatch(URL, self.media_url)):
            return None
        return Bucket(match["scheme"], match["bucket"], f"{match['folder'].strip('/')}/".lstrip("/"))

    @property
    def s3_address(self) -> str:
        """The address of the service of `s3://…`."""
        return self.s3_endpoint or f"https://s3.{self.s3_region}.amazonaws.com"
