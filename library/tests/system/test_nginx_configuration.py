"""Findings of gixy, a linter of nginx's configuration, in ours."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from bedplate.testing.checkout import ROOT

GIXY: Final = Path(sys.executable).with_name("gixy")
SKIPPED: Final = {
    "nginx": {
        # A cache of open files would continue to send files that a deploy, a restore or a maintenance has replaced.
        "try_files_is_evil_too",
    },
    "library/host/proxy_pass": {
        "try_files_is_evil_too",  # for the help page alone
        "host_spoofing",  # such names were compared with $host before: see $is_plain
        "default_server_flag",  # both servers include the same line; the first one is the default, and meant to be
        "proxy_buffering_off",  # the projects' nginx buffers already
    },
}
PUBLIC: Final = {"ENTRY": "public", "DIST": "built", "HTTPS_PORT": "443"}
BUCKET: Final = {
    "UPLOADS": "/tmp/media-bucket.conf",  # noqa: S108 - of the container
    "BUCKET_ADDRESS": "https://storage.googleapis.com/uploads",
}
CONFIGURATIONS: Final = {
    "local": ("nginx", {"ENTRY": "local", "DIST": "vite", "ACCESS": "open"}),
    "dev": ("nginx", {**PUBLIC, "ACCESS": "password"}),
    "prod": ("nginx", {**PUBLIC, "ACCESS": "open"}),
    "bucket": ("nginx", {**PUBLIC, "ACCESS": "open", **BUCKET}),
    "local_bucket": ("nginx", {"ENTRY": "local", "DIST": "vite", "ACCESS": "open", **BUCKET}),
    "proxy_pass": ("library/host/proxy_pass", {"ENTRY": "https"}),
}


def render(name: str, folder: Path) -> None:
    """Write a container's /etc/nginx and /tmp below `folder`."""
    source, variables = CONFIGURATIONS[name]
    values = {
        "DOMAIN": "www.example.com",
        "HOSTS": "www.example.com",
        "HTTPS_PORT": "",
        "HSTS_INCLUDE_SUBDOMAINS": "",
        "HSTS_PRELOAD": "",
        "LISTEN_OPTION": "",
        "UPLOADS": "snippets/media.conf",
        "BUCKET_ADDRESS": "",
        **variables,
    }
    for path in (ROOT / source).rglob("*.conf*"):
        text = path.read_text()
        place = folder / "etc/nginx" / path.relative_to(ROOT / source)
        if path.suffix == ".template":
            text = re.sub(r"\$\{(\w+)\}", lambda variable: values[variable[1]], text)
            place = folder / "tmp" / path.relative_to(ROOT / source / "templates").with_suffix("")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(re.sub(r"/(?=(tmp|etc/nginx)/)", f"{folder}/", text))
    (folder / "tmp/clients.conf").write_text("set_real_ip_from 192.0.2.10;\nreal_ip_header X-Forwarded-For;\n")
    (folder / "tmp/route.conf").write_text("server web:8000 resolve;\n" if source == "nginx" else "")
    (folder / "etc/nginx/mime.types").write_text("types { text/html html; }\n")


def gixy(name: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Return the result of gixy for the rendered configuration."""
    skipped = SKIPPED[CONFIGURATIONS[name][0]]
    command = (GIXY, "--skips", ",".join(skipped), folder / "etc/nginx/nginx.conf")
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)


def test_both_have_one_image() -> None:
    """Dependabot looks for new versions in nginx/: it may not change files of the library."""
    (image,) = {(ROOT / source / "Dockerfile").read_text().splitlines()[0] for source in SKIPPED}
    assert image.startswith("FROM nginx:")


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_gixy_finds_nothing(name: str, tmp_path: Path) -> None:
    """Every configuration is read as a whole, and clean."""
    render(name, tmp_path)
    result = gixy(name, tmp_path)
    assert "WARNING" not in result.stderr, result.stderr  # such as a file that is not found
    assert "No issues found" in result.stdout, result.stdout


def test_gixy_reads_included_files(tmp_path: Path) -> None:
    """A path out of the folder of uploads, in a snippet, would be found."""
    render("prod", tmp_path)
    snippet = tmp_path / "etc/nginx/snippets/media.conf"
    snippet.write_text(snippet.read_text().replace("location /_private/", "location /_private"))
    assert "alias_traversal" in gixy("prod", tmp_path).stdout


def test_the_image_runs_each_of_our_files() -> None:
    """It ignores those that may not be executed, also the ones that it sources."""
    files = [file for file in (ROOT / "library/nginx").rglob("*") if file.is_file()]
    assert [file.name for file in files if not os.access(file, os.X_OK)] == []
    assert ROOT / "library/nginx/entrypoint.d/15-uploads.envsh" in files
