"""A mail server for tests: real SMTP on a loopback port, with the habits of servers that refuse or defer."""

import socketserver
import threading
from dataclasses import dataclass, field
from email import message_from_string
from email.policy import default as email_policy
from types import TracebackType
from typing import Any


@dataclass
class ReceivedEmail:
    to: str
    subject: str
    text: str


@dataclass
class Habits:
    """What the server replies. A reply that is set replaces "250 OK"."""

    greeting: str = "220 mail.example"
    recipient_replies: dict[str, str] = field(default_factory=dict)  # by address
    data_reply: str = "250 OK"


class SmtpServer:
    """Use it as a context manager. `received` has the accepted e-mails."""

    def __init__(self, port: int = 0) -> None:
        self.received: list[ReceivedEmail] = []
        self.habits = Habits()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _talk(outer, self)

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def __enter__(self) -> "SmtpServer":
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _talk(server: SmtpServer, handler: Any) -> None:
    """Hold one SMTP dialog."""

    def reply(line: str) -> None:
        handler.wfile.write(f"{line}\r\n".encode())

    recipients: list[str] = []
    reply(server.habits.greeting)
    while line := handler.rfile.readline().decode().strip():
        verb = line.split(":")[0].split(" ")[0].upper()
        if verb == "RCPT":
            address = line.partition("<")[2].partition(">")[0]
            answer = server.habits.recipient_replies.get(address, "250 OK")
            recipients += [address] if answer.startswith("2") else []
            reply(answer)
        elif verb == "DATA":
            reply("354 go on")
            text = _read_data(handler)
            if server.habits.data_reply.startswith("2"):
                server.received += [_parse(to, text) for to in recipients]
            recipients = []
            reply(server.habits.data_reply)
        elif verb == "QUIT":
            reply("221 bye")
            return
        else:
            reply("250 OK")


def _read_data(handler: Any) -> str:
    lines: list[str] = []
    while (line := handler.rfile.readline().decode()) not in (".\r\n", ""):
        lines.append(line.removeprefix("."))  # RFC 5321 4.5.2
    return "".join(lines)


def _parse(to: str, text: str) -> ReceivedEmail:
    message = message_from_string(text, policy=email_policy)
    body = message.get_body(("plain",))
    return ReceivedEmail(
        to, str(message["subject"]), str(body.get_content()).replace("\r\n", "\n") if body else ""
    )
