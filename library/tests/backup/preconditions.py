"""Google's preconditions on generations, which fake-gcs-server does not check for copies and deletions."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

import requests
from fault_proxy import Answer, Request

COPY: Final = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)/rewriteTo/b/([^/]+)/o/([^/]+)")
OBJECT: Final = re.compile(r"/storage/v1/b/([^/]+)/o/([^/]+)")
LIMIT: Final = 20


@dataclass(frozen=True)
class Preconditions:
    """The judge of a FaultProxy."""

    store: str

    def judge(self, request: Request) -> Answer | None:
        """Return Google's answer if a precondition does not hold; None to let the request through."""
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if match := COPY.fullmatch(url.path):
            bucket, name, target_bucket, target = map(unquote, match.groups())
            source = self._generation(bucket, name)
            wrong = query.get("ifSourceGenerationMatch", source) not in {source} and source != "0"
            there = self._generation(target_bucket, target)
            return Answer(412) if wrong or query.get("ifGenerationMatch", there) != there else None
        if request.method == "DELETE" and (match := OBJECT.fullmatch(url.path)):
            there = self._generation(*map(unquote, match.groups()))
            return Answer(412) if there != "0" and query.get("ifGenerationMatch", there) != there else None
        return None

    def _generation(self, bucket: str, name: str) -> str:
        answer = requests.get(f"{self.store}/storage/v1/b/{bucket}/o/{quote(name, safe='')}", timeout=LIMIT)
        return str(answer.json()["generation"]) if answer.ok else "0"
