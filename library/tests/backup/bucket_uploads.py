"""Uploads in a bucket, and the requests about them."""

import re
from typing import Final

from bedplate.backup.media_paths import RESTORES
from bedplate.backup.stores.google import GoogleStore
from fault_proxy import FaultProxy

MEDIA: Final = {
    "private/1/0f3/report.txt": b"first",
    "private/2/0f4/100% c\xc3\xa9?#.txt": b"second",
    "public/pictures/house.png": b"a house",
    "public/pictures/copy.png": b"a house",
    "public/empty": b"",
}


def media(uploads: GoogleStore) -> dict[str, bytes]:
    """Return the live media."""
    return {
        each.name: uploads.read(each.name)[0] for each in uploads.list("") if not each.name.startswith(f"{RESTORES}/")
    }


def change(uploads: GoogleStore) -> dict[str, bytes]:
    """Replace, remove and add an upload; return all."""
    uploads.write("private/1/0f3/report.txt", b"replaced")
    uploads.delete("public/pictures/house.png")
    uploads.write("private/3/0f5/new.txt", b"new")
    return media(uploads)


def bytes_read(proxy: FaultProxy) -> list[str]:
    """Return the requests that fetched or sent media."""
    of_media = re.compile(r"(GET|POST|PUT) /(download|upload)/\S*(private|public|%2Fmedia%2F|/media/)")
    return [request for request in proxy.requests if of_media.match(request)]


def copies(proxy: FaultProxy) -> list[str]:
    """Return the requests that made Google copy."""
    return [request for request in proxy.requests if "/rewriteTo/" in request]
