"""An HTTPS client of a server. It needs only Python, and so also runs in a container (see `main`)."""

import base64
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import sys
import time
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode

BLOCKED: Final = 429
FOUND: Final = 302


def token_of(page: str) -> str:
    """Return the CSRF token of the page's form; empty if it has no form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    return found[1] if found else ""


def code_of(secret: str) -> str:
    """Return the current code for this TOTP secret (RFC 6238: SHA-1, 30 s, 6 digits)."""
    counter = int(time.time() // 30).to_bytes(8)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 0xF
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 10**6:06}"


class Visitor:
    """A client that keeps cookies, sends forms, and does not follow redirects."""

    def __init__(self, address: tuple[str, int], *, host: str, certificate: str, authorization: str = "") -> None:
        """Use the site `host` (`name`, or `name:port`) at `address`, with this certificate (PEM)."""
        self.address = address
        self.host = host
        self.preamble = ""  # for the PROXY protocol
        self.device = ""  # the TOTP secret, once it is set up
        self.headers = {"Host": host, **({"Authorization": authorization} if authorization else {})}
        self.cookies: SimpleCookie = SimpleCookie()
        self.context = ssl.create_default_context(cadata=certificate)

    def ask(
        self, path: str, *, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Return status, headers and text of the response. A header is an option: `x_request_id="…"`."""
        name = self.host.partition(":")[0]
        connection = http.client.HTTPSConnection(*self.address, timeout=30)
        plain = socket.create_connection(self.address, timeout=30)
        plain.sendall(self.preamble.encode())
        connection.sock = self.context.wrap_socket(plain, server_hostname=name)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            cookies = {"Cookie": "; ".join(f"{key}={morsel.value}" for key, morsel in self.cookies.items())}
            sent = {**self.headers, **(cookies if self.cookies else {}), **given}
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            for cookie in response.headers.get_all("Set-Cookie", []):
                self.cookies.load(cookie)
            return response.status, response.headers, response.read().decode(errors="replace")
        finally:
            connection.close()

    def send_form(self, path: str, *, claims: str = "", **fields: str) -> tuple[int, str]:
        """Send this page's form; return status and redirect URL. `claims` is a forged client address."""
        return self._send(path, self.ask(path)[2], claims=claims, **fields)

    def _send(self, path: str, page: str, *, claims: str = "", **fields: str) -> tuple[int, str]:
        token = token_of(page)
        if not token:
            return BLOCKED, ""
        status, headers, _text = self.ask(
            path,
            method="POST",
            body=urlencode({**fields, "csrfmiddlewaretoken": token}),
            Content_Type="application/x-www-form-urlencoded",
            Referer=f"https://{self.host}{path}",
            **({"X_Forwarded_For": claims} if claims else {}),
        )
        return status, headers.get("Location", "")

    def token(self, path: str) -> str:
        """Return the CSRF token of the page's form."""
        return token_of(self.ask(path)[2])

    def log_in(self, email: str, password: str) -> bool:
        """Return whether this user can log in, with the code of the device if the site requires it."""
        answer = self.send_form("/accounts/login/", login=email, password=password)
        if self.device and answer == (FOUND, "/accounts/2fa/authenticate/"):
            answer = self.send_form(answer[1], code=code_of(self.device))
        return answer == (FOUND, "/")

    def set_up_second_factor(self, password: str) -> bool:
        """Set up a TOTP device, as staff must after their first login. Return whether it was accepted."""
        page = "/accounts/2fa/totp/activate/"
        self.send_form("/accounts/reauthenticate/", password=password)
        text = self.ask(page)[2]
        self.device = "".join(re.findall(r'value="([A-Z2-7]{32})"', text))
        return bool(self.device) and self._send(page, text, code=code_of(self.device))[0] == FOUND

    def guess(self, times: int, *, proxy_protocol: bool = False) -> list[int]:
        """Return the statuses of `times` logins with wrong passwords, each with another forged client address.

        The address is in a header, or in the PROXY protocol.
        """
        statuses = []
        for number in range(times):
            claims = f"203.0.113.{number % 250 + 1}"
            self.preamble = f"PROXY TCP4 {claims} 192.0.2.1 50000 443\r\n" if proxy_protocol else ""
            given = {"login": f"user-{number}@example.com", "password": "a-wrong-password"}
            statuses.append(self.send_form("/accounts/login/", claims=claims, **given)[0])
        return statuses


def main() -> None:
    """Send requests to `nginx` in this project's network: `HOST CERTIFICATE AUTHORIZATION ACTION`.

    The action is `guess TIMES`, `guess_proxied TIMES` or `log_in EMAIL PASSWORD`.
    """
    host, certificate, authorization, action, *arguments = sys.argv[1:]
    visitor = Visitor(("nginx", 8443), host=host, certificate=certificate, authorization=authorization)
    if action.startswith("guess"):
        statuses = visitor.guess(int(arguments[0]), proxy_protocol=action == "guess_proxied")
        sys.stdout.write(" ".join(map(str, statuses)))
    else:
        sys.stdout.write(str(visitor.log_in(*arguments)))


if __name__ == "__main__":
    main()
