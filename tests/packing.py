"""Archives, as who gets one unpacks and searches it."""

import re
from pathlib import Path
from zipfile import ZipFile


def unpack(archive: Path, folder: Path) -> Path:
    """Return the one folder in the archive, unpacked as unzip does it, in a new folder."""
    folder.mkdir()
    with ZipFile(archive) as zip_file:
        for info in zip_file.infolist():
            path = Path(zip_file.extract(info, folder))
            path.chmod(info.external_attr >> 16 & 0o777)  # Python's extract forgets it; unzip does not
    (root,) = folder.iterdir()
    return root


def is_secret(name: str) -> bool:
    """Return whether a variable of this name holds a secret."""
    return bool(re.search("SECRET|PASSWORD|KEY|TOKEN", name))
