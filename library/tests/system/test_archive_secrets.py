"""`./bedplate archive` hands over no secret of the installation: it finds each one, in any place and any form."""

import base64
import json
import os
import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

import pytest
from packing import Checkout, Repository, unpack

# Secrets are random in each run: the archive holds this file too, and its literals would be found there.
FILE = "web/config/urls.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a committed copy of this checkout."""
    return Checkout(tmp_path / "checkout")


def secret(length: int = 24) -> str:
    """Return a random value with three kinds of characters."""
    return "aZ3" + secrets.token_hex(length)[: length - 3]


def age_identity() -> tuple[str, str]:
    """Return the output of `age-keygen`, and the key in it."""
    letters = string.ascii_uppercase + string.digits
    key = "AGE-SECRET-KEY-1" + "".join(secrets.choice(letters) for _ in range(58))
    return f"# created: 2026-11-25T10:00:00Z\n# public key: age1{secrets.token_hex(29)}\n{key}\n", key


def google_key() -> tuple[str, list[str]]:
    """Return the key of a service account in Google's format, and the lines of its private key."""
    lines = [base64.b64encode(secrets.token_bytes(48)).decode() for _ in range(4)]
    pem = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])
    fields = {"type": "service_account", "private_key": pem, "token_uri": "https://oauth2.googleapis.com/token"}
    return json.dumps(fields, indent=2), lines


def write(checkout: Checkout, name: str, text: str) -> None:
    """Write a file of the installation."""
    (checkout.folder / name).parent.mkdir(exist_ok=True)
    (checkout.folder / name).write_text(text)


@contextmanager
def committed(checkout: Checkout, text: str) -> Iterator[int]:
    """Put this text at the end of a committed file; yield its line number."""
    file = checkout.folder / FILE
    before = file.read_text()
    file.write_text(f"{before}# {text}\n")
    checkout.git("commit", "--quiet", "--message", "Oh no", FILE)
    yield before.count("\n") + 1
    file.write_text(before)
    checkout.git("commit", "--quiet", "--message", "Sorry", FILE)


def found(checkout: Checkout, text: str, *, place: str, never: str | None = None) -> None:
    """Fail unless the archive is refused because of this text, with file, line and place, and without the secret."""
    with committed(checkout, text) as line:
        result = checkout.create("--yes")
    assert result.returncode == 1, f"{place} was not found"
    assert f"{FILE}, line {line}: {place}" in result.stderr
    assert (never or text) not in result.stdout + result.stderr
    assert not checkout.output.exists()
    assert checkout.leftovers() == []


def test_every_line_of_a_secret_is_found(checkout: Checkout) -> None:
    """The signing key, the earlier one below it, one that a killed rotation left, DEV's password, age's key."""
    current, earlier, left, dev, hashed = (secret() for _ in range(5))
    identity, key = age_identity()
    write(checkout, "secrets/secret_key", f"{current}\n{earlier}\n")
    write(checkout, "secrets/.email_password.previous", left)
    write(checkout, "secrets/dev_password", f"dev:{{PLAIN}}{dev}\nother:$apr1${hashed}\n")
    write(checkout, "secrets/backup_age_identity", identity)
    found(checkout, current, place="secrets/secret_key, line 1")
    found(checkout, earlier, place="secrets/secret_key, line 2")
    found(checkout, left, place="secrets/.email_password.previous, line 1")
    found(checkout, f"the password is '{dev}'", place="secrets/dev_password, line 1", never=dev)
    found(checkout, f"$apr1${hashed}", place="secrets/dev_password, line 2", never=hashed)
    found(checkout, key, place="secrets/backup_age_identity, line 3")


def test_public_values_are_no_secrets(checkout: Checkout) -> None:
    """A public key of age, and the addresses in a Google key, may be in the code: the addresses are."""
    identity, _ = age_identity()
    write(checkout, "secrets/backup_age_identity", identity)
    write(checkout, "secrets/google_credentials", google_key()[0])
    with committed(checkout, identity.splitlines()[1]):
        result = checkout.create("--yes")
    assert result.returncode == 0, result.stderr


def test_variables_are_secret_by_their_type_or_name(checkout: Checkout) -> None:
    """In .env and its copies: also quoted, over two lines, commented out, within an address."""
    typed, named, first, second, old, within, copied, embedded = (secret() for _ in range(8))
    settings = checkout.folder / "web/config/environment.py"
    settings.write_text(
        settings.read_text().replace("    allow_signup: bool", "    pin: SecretStr = 1\n    allow_signup: bool", 1)
    )
    checkout.git("commit", "--quiet", "--all", "--message", "A setting")
    dotenv = f"""\
export PIN='{typed}'
STRIPE_API_KEY={named} # live
SECRET_KEY="{first}
{second}"
# EMAIL_PASSWORD={old}
VALKEY_URL=redis://:{within}@valkey:6379
PROJECT_NAME=not-a-secret-but-the-name
"""
    write(checkout, ".env.embedded", f"SECRET_KEY={embedded}\n")
    write(checkout, ".env.before", dotenv.replace(named, copied))
    found(checkout, embedded, place="SECRET_KEY in .env.embedded, line 1")
    for value, name, line in (
        (typed, "PIN", 1),
        (copied, "STRIPE_API_KEY", 2),
        (first, "SECRET_KEY", 3),
        (second, "SECRET_KEY", 3),
        (old, "EMAIL_PASSWORD", 5),
        (within, "VALKEY_URL", 6),
    ):
        found(checkout, value, place=f"{name} in .env.before, line {line}")
    with committed(checkout, "not-a-secret-but-the-name"):
        assert checkout.create("--yes").returncode == 0


@pytest.mark.parametrize("place", ["secrets/google_credentials", "home"])
def test_keys_of_google_are_found_by_any_line(checkout: Checkout, tmp_path: Path, place: str) -> None:
    """The server's key, and that of a signed-in person, outside the checkout."""
    key, lines = google_key()
    home = tmp_path / "home/google_storage/shop"
    home.mkdir(parents=True)
    write(checkout, ".env", "COMPOSE_PROJECT_NAME=shop\n")
    (checkout.folder / ".git/info/exclude").write_text("secrets\n")
    path = home / "credentials.json" if place == "home" else checkout.folder / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(key)
    for line in lines:
        with committed(checkout, line):
            result = checkout.create("--yes", XDG_CONFIG_HOME=str(tmp_path / "home"))
        assert (result.returncode, "private_key in" in result.stderr) == (1, True), result.stdout + result.stderr
        assert line not in result.stderr


@pytest.mark.parametrize("form", ["aws_secret_access_key = {}", "AWS_SECRET_ACCESS_KEY: {}"])
def test_a_key_of_s3_is_found_by_its_secret(checkout: Checkout, form: str) -> None:
    """The names of its fields are in the library's code."""
    identifier, value = secret(20), secret(40)
    key = f"[default]\naws_access_key_id = {identifier}\n{form.format(value)}\n"
    write(checkout, "secrets/media_credentials", key)
    found(checkout, value, place="secrets/media_credentials, line 3")
    assert checkout.create("--yes").returncode == 0


def test_encoded_secrets_are_found(checkout: Checkout) -> None:
    """In base64, wherever in the encoded text, as for HTTP basic auth; in an address; in JSON."""
    value = f'{secret()}/"ö {secret()}'
    write(checkout, "secrets/email_password", value)
    basic = [base64.b64encode(f"{user}:{value}:".encode()).decode() for user in ("a", "ab", "abc")]
    for text in (*basic, f"smtp://me:{quote(value, safe='')}@host", json.dumps({"password": value})):
        found(checkout, text, place="secrets/email_password, line 1")


def test_names_links_and_binary_files_are_searched(checkout: Checkout) -> None:
    """A secret in a file's name is not printed with it; a link's target and a picture count as content."""
    value = secret()
    write(checkout, "secrets/email_password", value)
    (checkout.folder / f"web/{value}.txt").write_text("x")
    (checkout.folder / "web/link").symlink_to(f"/{value}")
    # Where two pieces of the file that are read separately meet.
    (checkout.folder / "web/picture.png").write_bytes(b"\0\n" * (1 << 19) + b"\n" * 3 + value.encode() + b"\0")
    (checkout.folder / "web/across.bin").write_bytes(b"\0" * ((1 << 20) - 5) + value.encode())
    checkout.commit()
    result = checkout.create("--yes")
    assert result.returncode == 1
    for place in (
        "web/***.txt, in its name",
        "web/link, line 1",
        "web/picture.png, line 524292",
        "web/across.bin, line 1",
    ):
        assert f"{place}: secrets/email_password, line 1" in result.stderr
    assert value not in result.stdout + result.stderr


def test_weak_values_are_named_and_not_searched_for(checkout: Checkout) -> None:
    """Values that occur in texts by chance stop no archive; their place is printed, for a person to look at."""
    weak = {
        "email_password": "password",
        "dev_password": "dev:{PLAIN}settings",
        "secret_key": "aaaaaaaaaaaaaaaaaaaaaaaa",
    }
    for name, value in weak.items():
        write(checkout, f"secrets/{name}", f"{value}\n")
    with committed(checkout, " ".join(weak.values())):
        result = checkout.create("--yes")
    assert result.returncode == 0, result.stderr
    for name in weak:
        assert f"check by hand: secrets/{name}, line 1" in result.stdout


def test_submodules_come_along_and_are_searched(checkout: Checkout, tmp_path: Path) -> None:
    """The code of a submodule, and of one in it, is part of the code."""
    inner, outer = (Repository(tmp_path / name) for name in ("inner", "outer"))
    for repository in (inner, outer):
        (repository.folder / "code.py").write_text(repository.folder.name)
        repository.commit()
    outer.add_submodule(inner, "deep")
    checkout.add_submodule(outer, "vendor/my outer")
    result = checkout.create("--yes")
    assert result.returncode == 0, result.stderr
    unpacked = unpack(checkout.output, checkout.output.with_suffix(""))
    assert (unpacked / "vendor/my outer/code.py").read_text() == "outer"
    assert (unpacked / "vendor/my outer/deep/code.py").read_text() == "inner"

    checkout.output.unlink()
    write(checkout, "secrets/email_password", value := secret())
    for path in ("vendor/my outer/deep", "vendor/my outer", ""):
        repository = Repository(checkout.folder / path)
        if path.endswith("deep"):
            (repository.folder / "code.py").write_text(f"inner\n{value}\n")
        repository.git("commit", "--quiet", "--all", "--message", "Newer")
    checkout.refused("--yes", saying="vendor/my outer/deep/code.py, line 2: secrets/email_password, line 1")


def test_missing_submodule_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    """A fresh clone has no submodules: without their code the archive would be useless."""
    other = Repository(tmp_path / "other")
    (other.folder / "code.py").touch()
    other.commit()
    checkout.add_submodule(other, "vendor/other")
    checkout.git("submodule", "--quiet", "deinit", "--all", "--force")
    checkout.refused("--yes", saying="git submodule update --init --recursive")


def test_uploaded_files_are_searched(checkout: Checkout, tmp_path: Path) -> None:
    """Uploaded files may hold a secret too."""
    write(checkout, ".env", f"COMPOSE_PROJECT_NAME=shop\nEMAIL_PASSWORD={(value := secret())}\n")
    (tmp_path / "data/media").mkdir(parents=True)
    (tmp_path / "data/media/notes.txt").write_text(f"one\n{value}\n")
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "docker").write_text(
        f'#!/bin/sh\ncase "$*" in *bedplate.backup*) exec tar -c -C "{tmp_path}/data" media ;; esac; echo x\n'
    )
    (commands / "docker").chmod(0o755)
    checkout.refused(
        "--yes",
        "--media",
        saying="media/notes.txt, line 2: EMAIL_PASSWORD in .env, line 2",
        PATH=f"{commands}:{os.environ['PATH']}",
    )


def test_archive_of_a_server_names_no_secret(checkout: Checkout) -> None:
    """With strong secrets in their own places alone, the archive is made, and holds none of them."""
    values = [secret(48) for _ in range(3)]
    write(checkout, "secrets/secret_key", "\n".join(values))
    result = checkout.create("--yes")
    assert result.returncode == 0, result.stderr
    with ZipFile(checkout.output) as zip_file:
        contents = b"".join(map(zip_file.read, zip_file.namelist()))
    assert not any(value.encode() in contents for value in values)
