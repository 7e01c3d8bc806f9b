"""A client ID metadata document on https, as the vendor of a client hosts it."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

# RFC 8252 7.3: on loopback, any port matches. One for each path and name that the clients use.
REDIRECT_URIS = ["http://127.0.0.1/callback", "http://localhost/callback", "http://127.0.0.1/oauth/callback"]


@contextmanager
def hosted_document(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the URL of the document and the certificate to trust."""
    certificate = _create_certificate(folder)
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield _get_url(server), certificate
    finally:
        server.shutdown()
        server.server_close()


def _get_url(server: HTTPServer) -> str:
    return f"https://localhost:{server.server_port}/client.json"


def _create_certificate(folder: Path) -> Path:
    """Return a file with a key and its certificate for localhost."""
    file = folder / "certificate.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(file), "-out", str(folder / "certificate.crt")]
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() + (folder / "certificate.crt").read_bytes())
    return file


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        assert isinstance(self.server, HTTPServer)
        document = {
            "client_id": _get_url(self.server),
            "client_name": "Client with a document",
            "redirect_uris": REDIRECT_URIS,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
