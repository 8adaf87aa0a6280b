"""Prints the answer of an address, as JSON: `python fetch.py URL`."""

import json
import sys
import urllib.request


def main() -> None:
    """Print status, headers and body of one request to the site."""
    request = urllib.request.Request(sys.argv[1], headers={"Host": "localhost"})  # noqa: S310 - http only
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
        answer = {"status": response.status, "headers": dict(response.headers), "body": response.read().decode()}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
