from email.message import EmailMessage
from pathlib import Path

import pytest
from bedplate.django.caught_mail.folder import MailFolder


def message(subject: str = "Hello", **headers: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = subject
    for name, value in headers.items():
        mail[name.capitalize()] = value
    mail.set_content("The text")
    return mail


def test_a_folder_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    assert MailFolder(tmp_path / "mail").newest(10) == []


def test_the_newest_message_comes_first(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path / "mail")
    for subject in ("first", "second", "third"):
        folder.add(message(subject).as_bytes())
    assert [mail.subject for mail in folder.newest(2)] == ["third", "second"]


def test_a_message_is_read_unchanged(tmp_path: Path) -> None:
    folder = MailFolder(tmp_path)
    mail = message("Été à Zürich", From="site@example.org", To="Ada <ada@example.org>", Cc="grace@example.org")
    mail.add_alternative("<p>The HTML</p>", subtype="html")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="bill.pdf")
    folder.add(mail.as_bytes())
    [caught] = folder.newest(1)
    assert caught.subject == "Été à Zürich"
    assert caught.sender == "site@example.org"
    assert caught.recipients == "Ada <ada@example.org>, grace@example.org"
    assert (caught.text or "").strip() == "The text"
    assert (caught.html or "").strip() == "<p>The HTML</p>"
    assert caught.attachments == ["bill.pdf"]


def test_an_unfinished_file_is_not_a_message(tmp_path: Path) -> None:
    (tmp_path / "20260101T000000000000-0123abcd.part").write_bytes(b"Subject: half")
    assert MailFolder(tmp_path).newest(10) == []


@pytest.mark.parametrize("identifier", ["../secret", "..", "", "/etc/passwd", "20260101T000000000000-0123abcd/../x"])
def test_no_name_reads_outside_the_folder(tmp_path: Path, identifier: str) -> None:
    (tmp_path / "secret.eml").write_bytes(message("secret").as_bytes())
    folder = tmp_path / "mail"
    folder.mkdir()
    assert MailFolder(folder).get(identifier) is None
