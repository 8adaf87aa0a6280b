"""Pages per second of one thread without a server: `python -m one_query_page.ceiling SECONDS`."""

import io
import json
import sys
import time
from itertools import pairwise
from typing import Any, Final
from wsgiref.types import WSGIApplication

from config.wsgi import application

# A server's environment for the request that nginx passes on.
REQUEST: Final[dict[str, Any]] = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/benchmark/page/",
    "QUERY_STRING": "",
    "SCRIPT_NAME": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "localhost",
    "HTTP_ACCEPT_ENCODING": "gzip",
    "HTTP_X_REAL_IP": "127.0.0.1",
    "HTTP_X_FORWARDED_FOR": "127.0.0.1",
    "HTTP_X_FORWARDED_PROTO": "http",
    "HTTP_X_REQUEST_ID": "0123456789abcdef0123456789abcdef",
    "wsgi.url_scheme": "http",
}


def call(app: WSGIApplication) -> str:
    """Return the status line of one page, rendered and read to its end as by a server."""
    statuses: list[str] = []

    def start_response(status: str, _headers: Any, _error: Any = None) -> Any:
        statuses.append(status)

    response: Any = app(REQUEST | {"wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}, start_response)
    for _part in response:
        pass
    response.close()  # ends the request, as Django sees it: old database connections are closed
    return statuses[0]


def measure(app: WSGIApplication, *, seconds: float) -> dict[str, float]:
    """Return pages per second in this thread, the median and the 99th percentile in milliseconds, and errors."""
    errors = 0
    times = [time.perf_counter()]
    while times[-1] < times[0] + seconds:
        errors += call(app) != "200 OK"
        times.append(time.perf_counter())
    durations = sorted(end - start for start, end in pairwise(times))
    p50, p99 = (durations[int(len(durations) * share)] * 1e3 for share in (0.50, 0.99))
    return {"rate": len(durations) / (times[-1] - times[0]), "p50": p50, "p99": p99, "errors": errors}


def main() -> None:
    """Print the measurement as JSON, after a second of warm-up."""
    measure(application, seconds=1)
    sys.stdout.write(json.dumps(measure(application, seconds=float(sys.argv[1]))) + "\n")


if __name__ == "__main__":
    main()
