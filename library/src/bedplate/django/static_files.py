"""Storage of the static files of DEV and PROD: names with hashes, compressed once."""

from collections.abc import Iterable, Iterator
from typing import Final, override

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]

BUILT: Final = "dist/"


class CompressedStaticFilesStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # WhiteNoise has no types
    """Compresses the files that pages load, not their copies under the names without hashes.

    Compression takes most of the time of `collectstatic`.
    """

    @override
    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        loaded = set(self.hashed_files.values())
        # Modules that Vite has built import each other by the names without Django's hash.
        yield from super().compress_files([path for path in paths if path in loaded or path.startswith(BUILT)])
