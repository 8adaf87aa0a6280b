"""Mail to the administrators about errors."""

import logging
from typing import override

from django.utils.log import AdminEmailHandler

logger = logging.getLogger(__name__)


class ErrorMailHandler(AdminEmailHandler):
    """Mails errors; when that fails, a line in the log says so, and the visitor still gets the page for errors."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except Exception as error:  # whatever the mail server does, it is not the visitor's error
            logger.warning("The mail about an error was not sent: %s", error)
