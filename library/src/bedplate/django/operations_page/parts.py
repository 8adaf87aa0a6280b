"""The parts of the page, in their order."""

from typing import Final

from bedplate.django.operations_page.backup_facts import gather_backups
from bedplate.django.operations_page.cron_facts import gather_cron
from bedplate.django.operations_page.gathering import Part
from bedplate.django.operations_page.mail_facts import gather_mail
from bedplate.django.operations_page.release import gather_release
from bedplate.django.operations_page.services import gather_services
from bedplate.django.operations_page.storage import gather_storage
from bedplate.django.operations_page.task_facts import gather_tasks

SUMMARY: Final = "summary"
# Some change slowly, and are kept for up to a minute: so a page takes at most five queries.
PARTS: Final = {
    part.name: part
    for part in (
        Part("services", gather_services),
        Part("release", gather_release, keep=60),
        Part("tasks", gather_tasks),
        Part("mail", gather_mail, keep=30),
        Part("cron", gather_cron),
        Part("backups", gather_backups, keep=60),
        Part("storage", gather_storage, keep=60),
    )
}
# Seconds between two updates of a part in the browser.
INTERVALS: Final = {
    SUMMARY: 5,
    "services": 5,
    "tasks": 2,
    "mail": 30,
    "cron": 10,
    "backups": 60,
    "storage": 60,
    "release": 60,
}
