"""Replaces the application: answers with its project and the request; echoes what a WebSocket sends."""

import base64
import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

WEBSOCKET: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer, or switch to another protocol."""
        if self.headers.get("Upgrade") == "websocket":
            self.repeat()
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.answer({"project": os.environ["PROJECT"], "headers": headers})

    def do_POST(self) -> None:
        """Answer with the size of the request body."""
        self.answer({"received": len(self.rfile.read(int(self.headers["Content-Length"])))})

    def answer(self, content: object) -> None:
        """Answer with JSON."""
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def repeat(self) -> None:
        """Echo all received data."""
        key = self.headers["Sec-WebSocket-Key"].encode()
        accepted = hashlib.sha1(key + WEBSOCKET, usedforsecurity=False)
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(accepted.digest()).decode())
        self.end_headers()
        self.close_connection = True
        while data := self.connection.recv(1024):
            self.connection.sendall(data)


ThreadingHTTPServer(("", 8000), Handler).serve_forever()
