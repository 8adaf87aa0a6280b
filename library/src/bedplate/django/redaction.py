"""What a log or a mail must not tell its reader: tokens in links, passwords in addresses."""

import re
from typing import Final

# nginx's logs hide the same: nginx/snippets/log.conf, library/host/proxy_pass/nginx.conf.
TOKENS: Final = re.compile(r"(/accounts/(?:password/reset/key|confirm-email)/)[^/\s\"'<>\\?#]+")
# In Valkey's address, which a mail about an error has among the settings.
PASSWORDS: Final = re.compile(r"(\b(?:rediss?|sentinel)://[^\s:/@]*:)[^\s/@]+(?=@)")


def hide_tokens(text: str) -> str:
    """Return the text with the token of each link replaced, and the password of each address of Valkey."""
    return PASSWORDS.sub(r"\1[hidden]", TOKENS.sub(r"\1[hidden]", text))
