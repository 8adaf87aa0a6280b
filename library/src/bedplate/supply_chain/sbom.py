"""Writes parts lists (SBOM, CycloneDX 1.6): `.venv/bin/python -m bedplate.supply_chain.sbom IMAGE…`.

A list has the packages of Debian, of Python and of the JavaScript bundle (from this checkout's package-lock.json), and
each file that no package manager installed, with its checksum. The image runs only a shell that reads.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from bedplate.supply_chain.licences import ROOT, licence_of, node_lock

SEPARATOR: Final = "==== next part ===="
# Folders of programs that no package manager installed: supercronic, and PostgreSQL's client in the image of cron.
UNPACKAGED: Final = "/usr/local/bin /opt/postgresql/programs /opt/postgresql/lib"
READ_SCRIPT: Final = f"""
part() {{ printf '\\n%s\\n' '{SEPARATOR}'; }}
cat /etc/os-release /var/lib/dpkg/status || exit; part
for file in /opt/venv/lib/python*/site-packages/*.dist-info/METADATA; do
  if [ -e "$file" ]; then printf '\\n%s\\n' '{SEPARATOR} package'; cat "$file"; fi
done
part
find {UNPACKAGED} -type f -exec sha256sum {{}} + 2>/dev/null; part
find /app/static/dist -name '*.js' 2>/dev/null
"""


@dataclass(frozen=True)
class ImageContents:
    """The package lists and file names in an image."""

    debian: str
    python: list[str]
    files: str
    bundle: str


def read(image: str) -> ImageContents:
    """Return the contents of an image."""
    command = ["docker", "run", "--rm", "--network=none", "--read-only", "--user=65534:65534", "--entrypoint=sh"]
    # Not every image has what the last command looks for, which is not an error.
    printed = subprocess.run(
        [*command, image, "-c", f"{READ_SCRIPT}\ntrue"], check=True, capture_output=True, text=True, timeout=120
    ).stdout
    debian, python, files, bundle = re.split(rf"^{SEPARATOR}\n", printed, flags=re.MULTILINE)
    return ImageContents(debian, python.split(f"{SEPARATOR} package\n")[1:], files, bundle)


def debian_packages(contents: ImageContents) -> Iterator[Component]:
    """Yield the system's packages."""
    version = re.search(r'^VERSION_CODENAME="?(\w+)', contents.debian, re.MULTILINE)
    distribution = version[1] if version else "unknown"
    for start in re.finditer(r"^Package: ", contents.debian, re.MULTILINE):
        fields = HeaderParser().parsestr(contents.debian[start.start() :])
        if fields["Status"] == "install ok installed":
            name, number = fields["Package"], fields["Version"]
            qualifiers = {"arch": fields["Architecture"], "distro": distribution}
            yield component(name, number, PackageURL("deb", "debian", name, number, qualifiers))


def python_packages(contents: ImageContents) -> Iterator[Component]:
    """Yield Python's packages, with their licenses."""
    for text in contents.python:
        fields = HeaderParser().parsestr(text)
        name, number = fields["Name"], fields["Version"]
        purl = PackageURL("pypi", None, re.sub(r"[-_.]+", "-", name).lower(), number)
        yield component(name, number, purl, licence=licence_of(name, fields))


def bundled_packages(contents: ImageContents) -> Iterator[Component]:
    """Yield the packages in the bundle, if there is one."""
    for full_name, package in node_lock().items() if contents.bundle.strip() else ():
        namespace, _, name = full_name.rpartition("/")
        purl = PackageURL("npm", namespace or None, name, package["version"])
        yield component(full_name, package["version"], purl, licence=package["license"])


def files(contents: ImageContents) -> Iterator[Component]:
    """Yield the files that no package manager knows."""
    for line in contents.files.split("\n"):
        if match := re.fullmatch(r"([0-9a-f]{64})  (/.+)", line):
            digest = HashType(alg=HashAlgorithm.SHA_256, content=match[1])
            yield Component(type=ComponentType.FILE, name=match[2], bom_ref=match[2], hashes=[digest])


def component(name: str, version: str, purl: PackageURL, *, licence: str = "") -> Component:
    """Return a package."""
    licences = [LicenseFactory().make_from_string(licence)] if licence else []
    return Component(name=name, version=version, purl=purl, bom_ref=str(purl), licenses=licences)


def sbom(image: str) -> Bom:
    """Return an image's parts list."""
    contents = read(image)
    name, _, tag = image.rpartition(":")
    bom = Bom(components=unique([
        *debian_packages(contents), *python_packages(contents), *bundled_packages(contents), *files(contents)
    ]))  # fmt: skip
    bom.metadata.component = Component(type=ComponentType.CONTAINER, name=name, version=tag, bom_ref=image)
    bom.register_dependency(bom.metadata.component, bom.components)
    return bom


def unique(components: Iterable[Component]) -> list[Component]:
    """Return each package once, even if two folders have it."""
    return list({str(each.bom_ref.value): each for each in components}.values())


def write(image: str, folder: Path) -> Path:
    """Write an image's parts list, and return its path."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', image)}.cdx.json"
    JsonV1Dot6(sbom(image)).output_to_file(str(file), allow_overwrite=True, indent=2)
    return file


def main() -> None:
    """Write the parts list of each image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="such as: $(docker compose config --images)")
    parser.add_argument("--output", type=Path, default=ROOT / "sbom", help="the folder to write to (sbom)")
    given = parser.parse_args()
    for image in given.images:
        sys.stdout.write(f"{write(image, given.output)}\n")


if __name__ == "__main__":
    main()
