"""Hides secrets in logs and mails: tokens in links, passwords in URLs."""

import re
from typing import Final

# nginx's logs hide the same: nginx/snippets/log.conf, library/host/proxy_pass/nginx.conf.
TOKENS: Final = re.compile(r"(/accounts/(?:password/reset/key|confirm-email)/)[^/\s\"'<>\\?#]+")
# Valkey's URL is among the settings in a mail about an error.
PASSWORDS: Final = re.compile(r"(\b(?:rediss?|sentinel)://[^\s:/@]*:)[^\s/@]+(?=@)")


def hide_tokens(text: str) -> str:
    """Return the text with the tokens of links, and the passwords in Valkey's URLs, hidden."""
    return PASSWORDS.sub(r"\1[hidden]", TOKENS.sub(r"\1[hidden]", text))
