"""Signatures in OpenSSH's format: `ssh-keygen` verifies ours, and we verify its own, by the same list of keys."""

import base64
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import command
import pytest
from bedplate.backup.signatures import BACKUP, EXPORT, Signature, SigningKey, public_text
from bedplate.backup.trust import Claim, Trust, read_signers
from project import Believe, Project

KEY: Final = SigningKey("a secret of the tests")
DATA: Final = b"what is signed\n"
NAME: Final = "shop/prod"
NOW: Final = datetime(2026, 11, 27, 12, tzinfo=UTC)


def ssh_keygen(folder: Path, line: str, signature: bytes, *, name: str = NAME, purpose: str = BACKUP) -> bool:
    """Return whether `ssh-keygen` accepts the signature for the signer in the line, at noon of that day."""
    (folder / "signers").write_text(f"{line}\n")
    (folder / "signature").write_bytes(signature)
    options = ("-I", name, "-n", purpose, "-f", "signers", "-s", "signature", "-O", "verify-time=20261127120000Z")
    verify = ["ssh-keygen", "-Y", "verify", *options]
    return subprocess.run(verify, cwd=folder, input=DATA, capture_output=True, check=False).returncode == 0


def accepted(folder: Path, line: str, signature: bytes, *, name: str = NAME, purpose: str = BACKUP) -> bool:
    """Return whether our code accepts the signature."""
    (folder / "signers").write_text(f"{line}\n")
    signers, _problems = read_signers(folder / "signers")
    trust = Trust(name="shop/local", signers=signers)
    return not trust.refusal(DATA, signature, Claim(purpose, name, at=NOW))


PUBLIC: Final = public_text(KEY.public)
LINES: Final = {
    f"{NAME} {PUBLIC}": True,
    f"{NAME} {PUBLIC} a comment": True,
    f"shop/dev,{NAME} {PUBLIC}": True,
    f"shop/dev {PUBLIC}": False,
    f"another/prod {PUBLIC}": False,
    f"{NAME} {public_text(SigningKey('another').public)}": False,
    f'{NAME} namespaces="{BACKUP}" {PUBLIC}': True,
    f'{NAME} namespaces="file,{BACKUP}" {PUBLIC}': True,
    f'{NAME} namespaces="{EXPORT}" {PUBLIC}': False,
    f'{NAME} valid-after="20261127Z" {PUBLIC}': True,
    f'{NAME} valid-after="20261128Z" {PUBLIC}': False,
    f'{NAME} valid-before="20261128Z" {PUBLIC}': True,
    f'{NAME} valid-before="20261127120000Z" {PUBLIC}': True,
    f'{NAME} valid-before="20261127Z" {PUBLIC}': False,
    f'{NAME} namespaces="" {PUBLIC}': False,
    f'{NAME} VALID-BEFORE="20261128Z" {PUBLIC}': True,
    f"{NAME}\t{PUBLIC}\ta comment": True,
    f'{NAME} valid-after="202611271159Z",valid-before="20261127120001Z" {PUBLIC}': True,
    f'{NAME} valid-after="20260101Z",valid-before="202611271159Z" {PUBLIC}': False,
}


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_both_believe_the_same(tmp_path: Path, line: str, expected: bool) -> None:
    signature = KEY.sign(DATA, BACKUP)
    assert accepted(tmp_path, line, signature) is expected
    assert ssh_keygen(tmp_path, line, signature) is expected


def test_a_signature_by_ssh_keygen_is_accepted(tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    (tmp_path / "data").write_bytes(DATA)
    subprocess.run(["ssh-keygen", "-Y", "sign", "-f", tmp_path / "key", "-n", BACKUP, tmp_path / "data"], check=True)
    line = f"{NAME} {(tmp_path / 'key.pub').read_text().strip()}"
    assert accepted(tmp_path, line, (tmp_path / "data.sig").read_bytes())


def test_a_signature_is_for_one_purpose_and_one_text() -> None:
    signature = Signature.from_bytes(KEY.sign(DATA, BACKUP))
    assert signature
    assert signature.holds(DATA, BACKUP)
    assert not signature.holds(DATA, EXPORT)
    assert not signature.holds(DATA[:-1], BACKUP)


def test_every_change_of_a_signature_is_noticed(tmp_path: Path) -> None:
    """It holds for each byte and for the end: only the original signature is valid."""
    text = KEY.sign(DATA, BACKUP)
    assert accepted(tmp_path, f"{NAME} {PUBLIC}", text)
    blob = base64.b64decode("".join(text.decode().splitlines()[1:-1]))
    for number in range(len(blob)):
        changed = bytearray(blob)
        changed[number] ^= 1
        edited = f"-----BEGIN SSH SIGNATURE-----\n{base64.b64encode(changed).decode()}\n-----END SSH SIGNATURE-----\n"
        assert not accepted(tmp_path, f"{NAME} {PUBLIC}", edited.encode()), number
    for end in (b"", text[: len(text) // 2], text.replace(b"BEGIN", b"BEGAN"), b"\xff", b"[" * 99_999, text + text):
        assert not accepted(tmp_path, f"{NAME} {PUBLIC}", end)


WRONG: Final = {
    "shop/prod": "is not of the form PROJECT/ENVIRONMENT",
    "shop/prod ssh-rsa AAAA": "is not of the form PROJECT/ENVIRONMENT",
    "shop/prod ssh-ed25519 ": "is not of the form PROJECT/ENVIRONMENT",
    "shop/prod ssh-ed25519 AAAA": "has no complete key after ssh-ed25519",
    "shop/prod ssh-ed25519 none!": "is not of the form PROJECT/ENVIRONMENT",
    PUBLIC: "is not of the form PROJECT/ENVIRONMENT",
    f"shop {PUBLIC}": "has a name that is not PROJECT/ENVIRONMENT: shop",
    f"shop/* {PUBLIC}": "has a name that is not PROJECT/ENVIRONMENT",
    f"shop/prod, {PUBLIC}": "has a name that is not PROJECT/ENVIRONMENT",
    f"shop/prod cert-authority {PUBLIC}": "has an option that is not",
    f'shop/prod valid-befor="20261127" {PUBLIC}': "has an option that is not",
    f'shop/prod valid-before="20261127Z",{PUBLIC}': "is not of the form PROJECT/ENVIRONMENT",
    f'shop/prod valid-before="20261127Z", {PUBLIC}': "has an option that is not",
    f'shop/prod valid-before="20251127Z",valid-before="20991127Z" {PUBLIC}': "has an option twice",
    f'shop/prod valid-before="tomorrow" {PUBLIC}': "has a date that is not of the form 20261127Z",
    f'shop/prod valid-before="20261327Z" {PUBLIC}': "has a date that does not exist",
}


@pytest.mark.parametrize(("line", "said"), WRONG.items())
def test_a_line_that_is_wrong_is_named_and_left_out(tmp_path: Path, line: str, said: str) -> None:
    """A key with an end must not stay valid forever because of a typo; the other lines count."""
    file = tmp_path / "signers"
    file.write_text(f"# a comment\n\n{line}\nshop/dev {PUBLIC}\n")
    signers, problems = read_signers(file)
    assert [signer.names for signer in signers] == [{"shop/dev"}]
    assert len(problems) == 1
    assert f"signers, line 3, {said}" in problems[0]


@pytest.mark.parametrize("separator", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_no_line_hides_in_a_comment(tmp_path: Path, separator: str) -> None:
    """A reviewer of the file sees one line, and so does `ssh-keygen`."""
    file = tmp_path / "signers"
    file.write_bytes(f"# harmless{separator}{NAME} {PUBLIC}\n".encode())
    assert read_signers(file) == ((), ())


def test_a_wrong_line_stops_no_backup_and_is_an_alarm(embedded: Project, believe: Believe) -> None:
    """Every command reports the line, and ignores it."""
    believe("shop/prod")
    for arguments in (("-b",), ("-l",), ("--verify", "latest"), ("--prune",)):
        result = command.run(*arguments)
        assert result.returncode == 0, result.stderr
        assert "backup_signers, line 1, is not of the form PROJECT/ENVIRONMENT" in result.stderr
    alarm = command.run("--check")
    assert alarm.returncode == 1
    assert "backup_signers, line 1, is not of the form" in alarm.stderr.splitlines()[-1]


def test_a_large_signature_stops_nothing(embedded: Project) -> None:
    """A signature of zeros would be parsed as many empty texts."""
    zeros = base64.b64encode(b"SSHSIG\0\0\0\x01" + bytes(3_000_000)).decode()
    name = f"v1/app/embedded/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-000000"
    embedded.store.write(f"{name}/manifest.json", b"{}")
    text = f"-----BEGIN SSH SIGNATURE-----\n{zeros}\n-----END SSH SIGNATURE-----\n".encode()
    embedded.store.write(f"{name}/manifest.json.sig", text)
    assert Signature.from_bytes(text) is None
    [listed] = embedded.session.backups()
    assert "has a signature that does not match" in listed.distrust


def test_what_the_command_signs_is_verified_by_the_line_that_it_prints(embedded: Project, tmp_path: Path) -> None:
    """The recipient of an archive verifies it in this way."""
    line = command.run("--public-key").stdout
    signed = command.run("--sign", given=DATA.decode())
    assert (signed.returncode, signed.stderr) == (0, "")
    assert ssh_keygen(tmp_path, line, signed.stdout.encode(), name="app/embedded", purpose=EXPORT)
    assert not ssh_keygen(tmp_path, line, signed.stdout.encode(), name="app/embedded", purpose=BACKUP)


def test_a_server_without_a_key_makes_no_backup_and_says_where_it_comes_from(embedded: Project) -> None:
    production = {"ENVIRONMENT": "prod", "POSTGRES_PASSWORD": "none"}
    for arguments in (("-b",), ("--public-key",), ("--sign",)):
        result = command.run(*arguments, **production)
        assert result.returncode == 2
        assert result.stderr.startswith("Error: BACKUP_SIGNING_KEY is not set")
        assert "backup_signing_key, which ./install_docker.sh and ./bedplate deploy make" in result.stderr
