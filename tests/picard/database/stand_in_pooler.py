"""A stand-in for a pooler of transactions: each transaction of a client gets another session of the server.

It speaks the protocol of PostgreSQL between clients on 127.0.0.1 and a real server. Of what a session keeps, it resets
nothing. As PgBouncer does since 1.21, it prepares statements of the protocol in whichever session executes them; with
`keeps_statements=False` it passes their names on, as older ones do.
"""

import os
import secrets
import select
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg.pq import ConnStatus, PGconn

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
REPORTED = (
    "server_version", "server_encoding", "client_encoding", "TimeZone", "DateStyle", "IntervalStyle",
    "integer_datetimes", "standard_conforming_strings", "is_superuser", "session_authorization",
)  # fmt: skip
Message = tuple[bytes, bytes]  # type, content
User = tuple[str, str]  # name, database
STOP_CHECK_S = 0.2
OURS, THEIRS = True, False


def pack(kind: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


def split_name(content: bytes) -> tuple[bytes, bytes]:
    name, _, rest = content.partition(b"\0")
    return name, rest


@dataclass
class Stream:
    """One side of a conversation: its socket, and what arrived of a message."""

    socket: socket.socket
    rest: bytes = b""

    def receive(self) -> list[Message] | None:
        """Return the whole messages that arrived; None at the end."""
        try:
            data = self.socket.recv(1 << 18)
        except OSError:
            return None
        if not data:
            return None
        self.rest += data
        return list(self._take())

    def _take(self) -> Iterator[Message]:
        while len(self.rest) >= 5:
            end = 1 + struct.unpack_from("!i", self.rest, 1)[0]
            if len(self.rest) < end:
                return
            kind, content, self.rest = self.rest[:1], self.rest[5:end], self.rest[end:]
            yield kind, content


class Session:
    """A session of the server. `statements` are those that this pooler prepared in it."""

    def __init__(self, conninfo: str) -> None:
        self.pg = PGconn.connect(conninfo.encode())  # logs in
        assert self.pg.status == ConnStatus.OK, self.pg.error_message
        self.stream = Stream(socket.socket(fileno=os.dup(self.pg.socket)))
        self.stream.socket.setblocking(True)
        self.statements: set[bytes] = set()

    def close(self) -> None:
        self.stream.socket.close()
        self.pg.finish()


@dataclass
class Turn:
    """A transaction of a client in a session. waiting: answers to come, of parsing and closing, OURS or THEIRS."""

    session: Session
    syncs: int = 0  # that are not answered
    status: bytes = b"I"
    waiting: dict[bytes, deque[tuple[int, bool]]] = field(default_factory=lambda: defaultdict(deque))
    number: int = 0  # of the next sync
    answered: int = 0
    parsed: list[bytes] = field(default_factory=list)


class StandInPooler:
    """Serves during the block. conninfo: the server's, without user and database; passwords: by user.

    `sessions_used`: by client, the process ids of the sessions that it was given.
    """

    def __init__(
        self, conninfo: str, passwords: dict[str, str], *, size: int = 4, keeps_statements: bool = True
    ) -> None:
        self._conninfo, self._passwords = conninfo, passwords
        self._size, self._keeps = size, keeps_statements
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.transactions = 0
        self.sessions_used: dict[int, set[int]] = defaultdict(set)
        self.is_open = True
        self._free: dict[User, deque[Session]] = defaultdict(deque)
        self._counts: dict[User, int] = defaultdict(int)
        self._turns: dict[bytes, Turn | None] = {}
        self._names: dict[bytes, bytes] = {}
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "StandInPooler":
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False
        for thread in self._threads:
            thread.join()
        self._listener.close()
        with self._changed:
            for sessions in self._free.values():
                while sessions:
                    sessions.popleft().close()

    def _start(self, target: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        self._listener.settimeout(STOP_CHECK_S)
        while self.is_open:
            with suppress(OSError):  # a timeout is one
                client, _ = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._start(self._serve_safely, client)

    def _serve_safely(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            if user := self._greet(client):
                Conversation(self, client, user).run()

    def _greet(self, client: socket.socket) -> User | None:
        """Answer the start of a connection. None for a request to cancel, which is passed on."""
        while True:
            (length,) = struct.unpack("!i", _receive_exactly(client, 4))
            content = _receive_exactly(client, length - 4)
            (code,) = struct.unpack_from("!i", content)
            if code in (SSL_REQUEST, GSS_REQUEST):
                client.sendall(b"N")
            elif code == CANCEL_REQUEST:
                self._cancel(content[4:])
                return None
            else:
                parts = content[4:].decode().split("\0")
                options = dict(zip(parts[::2], parts[1::2], strict=False))
                return options["user"], options["database"]

    def _cancel(self, key: bytes) -> None:
        with self._changed:
            if turn := self._turns.get(key):
                turn.session.pg.get_cancel().cancel()

    # --- Sessions ---------------------------------------------------------------------------------------

    def take(self, user: User, key: bytes) -> Turn:
        """Wait for the session that was free for the longest time."""
        with self._changed:
            while not self._free[user] and self._counts[user] >= self._size:
                self._changed.wait(STOP_CHECK_S)
                if not self.is_open:
                    raise ConnectionError
            if is_new := self._counts[user] < self._size:
                self._counts[user] += 1
            session = self._open(user) if is_new else self._free[user].popleft()
            self.transactions += 1
            turn = self._turns[key] = Turn(session)
        return turn

    def give_back(self, user: User, key: bytes, turn: Turn, *, is_clean: bool = True) -> None:
        """A session whose transaction has not ended is closed."""
        with self._changed:
            self._turns[key] = None
            if is_clean:
                self._free[user].append(turn.session)
            else:
                turn.session.close()
                self._counts[user] -= 1
            self._changed.notify()

    def _open(self, user: User) -> Session:
        name, database = user
        login = {"user": name, "dbname": database, "password": self._passwords[name]}
        return Session(make_conninfo(self._conninfo, **login))

    def get_statement_name(self, content: bytes) -> bytes:
        """Return the name under which the sessions know a statement: equal ones share it."""
        with self._changed:
            return self._names.setdefault(content, b"shared_%d" % len(self._names))

    @property
    def keeps_statements(self) -> bool:
        return self._keeps


class Conversation:
    """A client from the start to the end of its connection."""

    def __init__(self, pooler: StandInPooler, client: socket.socket, user: User) -> None:
        self._pooler, self._user = pooler, user
        self._client = Stream(client)
        self._key = secrets.token_bytes(8)
        self._turn: Turn | None = None
        self._statements: dict[bytes, bytes] = {}  # content by the client's name

    def run(self) -> None:
        turn = self._pooler.take(self._user, self._key)
        self._welcome(turn.session.pg)
        self._pooler.give_back(self._user, self._key, turn)
        try:
            while self._pooler.is_open and self._step():
                pass
        finally:
            if self._turn:
                self._pooler.give_back(self._user, self._key, self._turn, is_clean=False)

    def _welcome(self, pg: pq.abc.PGconn) -> None:
        values = {name: pg.parameter_status(name.encode()) for name in REPORTED}
        reports = b"".join(
            pack(b"S", name.encode() + b"\0" + value + b"\0")
            for name, value in values.items()
            if value is not None
        )
        answer = pack(b"R", struct.pack("!i", 0)) + reports + pack(b"K", self._key) + pack(b"Z", b"I")
        self._client.socket.sendall(answer)

    def _step(self) -> bool:
        streams = {self._client.socket: self._client}
        if self._turn:
            streams[self._turn.session.stream.socket] = self._turn.session.stream
        ready, _, _ = select.select(list(streams), [], [], STOP_CHECK_S)
        for each in ready:
            messages = streams[each].receive()
            if messages is None:
                return False
            if each is self._client.socket:
                if any(kind == b"X" for kind, _ in messages):
                    return False
                self._pass_on(messages)
            else:
                self._answer(messages)
        return True

    def _pass_on(self, messages: list[Message]) -> None:
        if not messages:
            return
        turn = self._turn = self._turn or self._pooler.take(self._user, self._key)
        self._pooler.sessions_used[id(self)].add(turn.session.pg.backend_pid)
        out = bytearray()
        for kind, content in messages:
            if kind in b"QS":
                turn.syncs += 1
            if kind in b"PBDC" and self._pooler.keeps_statements:
                out += self._translate(turn, kind, content)
            else:
                out += pack(kind, content)
            if kind in b"QS":
                turn.number += 1
        turn.session.stream.socket.sendall(out)

    def _translate(self, turn: Turn, kind: bytes, content: bytes) -> bytes:
        """Return what the session is sent for a message that names a statement, in the session's names."""
        if kind == b"P":
            name, rest = split_name(content)
            if not name:
                return self._expect(turn, b"1", THEIRS) + pack(kind, content)
            self._statements[name] = rest
            return self._prepare(turn, rest, THEIRS)
        if kind == b"B":
            portal, rest = split_name(content)
            name, rest = split_name(rest)
            shared, before = self._find(turn, name)
            return before + pack(kind, portal + b"\0" + shared + b"\0" + rest)
        target, (name, _) = content[:1], split_name(content[1:])
        if kind == b"D":
            shared, before = self._find(turn, name) if target == b"S" else (name, b"")
            return before + pack(kind, target + shared + b"\0")
        if target == b"S" and name:
            self._statements.pop(name, None)
            name = b"none"  # other clients may use it
        return self._expect(turn, b"3", THEIRS) + pack(kind, target + name + b"\0")

    def _find(self, turn: Turn, name: bytes) -> tuple[bytes, bytes]:
        """Return the session's name of the client's statement, and what prepares it there if it is not yet."""
        if not name or name not in self._statements:
            return name, b""
        content = self._statements[name]
        shared = self._pooler.get_statement_name(content)
        before = b"" if shared in turn.session.statements else self._prepare(turn, content, OURS)
        return shared, before

    def _prepare(self, turn: Turn, content: bytes, whose: bool) -> bytes:
        shared = self._pooler.get_statement_name(content)
        turn.session.statements.add(shared)
        turn.parsed.append(shared)
        close = self._expect(turn, b"3", OURS) + pack(b"C", b"S" + shared + b"\0")
        return close + self._expect(turn, b"1", whose) + pack(b"P", shared + b"\0" + content)

    def _expect(self, turn: Turn, answer: bytes, whose: bool) -> bytes:
        turn.waiting[answer].append((turn.number, whose))
        return b""

    def _answer(self, messages: list[Message]) -> None:
        turn = self._turn
        assert turn
        out = bytearray()
        for kind, content in messages:
            if kind in b"13" and turn.waiting[kind] and turn.waiting[kind].popleft()[1] is OURS:
                continue
            if kind == b"E":  # whatever was to be prepared in this transaction is prepared again
                turn.session.statements.difference_update(turn.parsed)
            if kind == b"Z":
                turn.syncs, turn.status = turn.syncs - 1, content
                turn.answered += 1
                for answers in turn.waiting.values():
                    while answers and answers[0][0] < turn.answered:
                        answers.popleft()
            out += pack(kind, content)
        is_over = not turn.syncs and turn.status == b"I" and turn.number == turn.answered
        if is_over and messages[-1][0] == b"Z":
            self._turn = None
            self._pooler.give_back(self._user, self._key, turn)
        self._client.socket.sendall(out)


def _receive_exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data
