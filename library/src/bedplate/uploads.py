"""The variables of uploaded files: a folder of this machine, or a bucket."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field
from pydantic_settings import BaseSettings

# https://cloud.google.com/storage/docs/buckets#naming; each part of the folder is a plain name.
URL: Final = r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?P<folder>(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)/?"


@dataclass(frozen=True)
class Bucket:
    """A bucket of Google Cloud Storage, and a folder in it: empty, or with a slash at its end."""

    name: str
    folder: str

    @property
    def url(self) -> str:
        """The address, as users write it."""
        return f"gs://{self.name}/{self.folder}".rstrip("/")


class Uploads(BaseSettings):
    """The place of uploads, and the account that the application uses there."""

    media_url: str = Field(
        default="",
        pattern=f"^({URL})?$",
        description="Where uploads are: `gs://BUCKET` or `gs://BUCKET/FOLDER`, for all machines. Empty: below `/data`.",
    )
    media_credentials: Path = Field(
        default=Path("/run/secrets/media_credentials"),
        description="File with the key of the service account that reads and writes uploads in that bucket.",
    )

    @property
    def media_bucket(self) -> Bucket | None:
        """The bucket of the uploads; None if they are in a folder."""
        if not (match := re.fullmatch(URL, self.media_url)):
            return None
        return Bucket(match["bucket"], f"{match['folder'].strip('/')}/".lstrip("/"))
