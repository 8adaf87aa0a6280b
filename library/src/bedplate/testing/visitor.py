"""A visitor of a server, over HTTPS. Needs Python alone, so it can visit from within a container too (see `main`)."""

import http.client
import re
import socket
import ssl
import sys
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode

BLOCKED: Final = 429


class Visitor:
    """Keeps cookies, sends forms, follows nothing by itself."""

    def __init__(self, address: tuple[str, int], *, host: str, certificate: str, authorization: str = "") -> None:
        """Visit the site `host` (`name`, or `name:port`), which answers at `address` with this certificate (PEM)."""
        self.address = address
        self.host = host
        self.headers = {"Host": host, **({"Authorization": authorization} if authorization else {})}
        self.cookies: SimpleCookie = SimpleCookie()
        self.context = ssl.create_default_context(cadata=certificate)

    def ask(
        self, path: str, *, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        """Return status, headers and text of the answer. A header is written `x_request_id="…"`."""
        name = self.host.partition(":")[0]
        connection = http.client.HTTPSConnection(*self.address, timeout=30)
        connection.sock = self.context.wrap_socket(
            socket.create_connection(self.address, timeout=30), server_hostname=name
        )
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
        """Return the status of the answer to this page's form, and where it leads; `claims` to come from an address."""
        if not (token := self.token(path)):
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
        """Return what the page's form must bring along."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.ask(path)[2])
        return found[1] if found else ""

    def log_in(self, email: str, password: str) -> bool:
        """Return whether this user gets in."""
        return self.send_form("/accounts/login/", login=email, password=password) == (302, "/")

    def guess(self, times: int) -> list[int]:
        """Return the statuses of so many logins with wrong passwords, each claiming another address."""
        return [
            self.send_form(
                "/accounts/login/",
                claims=f"203.0.113.{number % 250 + 1}",
                login=f"somebody-{number}@example.com",
                password="a-wrong-password",
            )[0]
            for number in range(times)
        ]


def main() -> None:
    """Visit `nginx` in this project's network: `HOST CERTIFICATE AUTHORIZATION guess TIMES | log_in EMAIL PASSWORD`."""
    host, certificate, authorization, act, *arguments = sys.argv[1:]
    visitor = Visitor(("nginx", 8443), host=host, certificate=certificate, authorization=authorization)
    if act == "guess":
        sys.stdout.write(" ".join(map(str, visitor.guess(int(arguments[0])))))
    else:
        sys.stdout.write(str(visitor.log_in(*arguments)))


if __name__ == "__main__":
    main()
