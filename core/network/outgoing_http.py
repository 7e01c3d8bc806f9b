"""HTTP requests to servers that somebody else names: bounded in total time and size, without redirects and proxies.

Sockets and http.client restart their time-out with every byte received, so a slow sender could block a thread. Here one
deadline covers the name server, the connection, TLS, the head and the body.
"""

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread, Timer
from time import monotonic
from urllib.parse import SplitResult

from core.hosts import DEFAULT_PORTS

RESOLVERS = 8  # threads that resolve names at once, with those that nobody waits for any more

# Apart: strangers can name hosts whose name servers do not answer, and those of the settings must not wait for them.
CONFIGURED_HOSTS, STRANGERS_HOSTS = BoundedSemaphore(RESOLVERS), BoundedSemaphore(RESOLVERS)


@dataclass(frozen=True)
class OutgoingRequest:
    url: SplitResult
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class ServerResponse:
    """`body` ends one byte after the size limit: the caller rejects a longer one."""

    status: int
    headers: Message
    body: bytes


def find_addresses(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host. Raises OSError and UnicodeError."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)]


def resolve_url(
    url: SplitResult,
    deadline: float,
    *,
    resolvers: BoundedSemaphore,
    find: Callable[[str, int], list[str]] = find_addresses,
) -> list[str]:
    """Return the IP addresses of a URL's host. Raises what `find` raises, and TimeoutError at the deadline.

    resolvers: whose host it is. The system's resolver takes no time limit, and the name server may be a stranger's.
    """
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(find(url.hostname or "", _get_port(url)))
        except Exception as error:  # noqa: BLE001 (it is raised in the waiting thread)
            answers.put(error)
        finally:
            resolvers.release()

    if not resolvers.acquire(timeout=_get_remaining_s(deadline)):
        raise TimeoutError
    Thread(target=resolve, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=_get_remaining_s(deadline))
    except Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def send_request(
    request: OutgoingRequest, addresses: Sequence[str], deadline: float, *, max_bytes: int
) -> ServerResponse:
    """Send a request to the first of these IP addresses that accepts the connection. Redirects are not followed.

    deadline: in the time of `monotonic()`. Raises OSError (such as TimeoutError) and http.client.HTTPException.
    """
    url = request.url
    path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
    with _open_connection(url, addresses, deadline) as connection:
        connection.request(request.method, path, request.body, {"Host": url.netloc, **request.headers})
        with connection.getresponse() as response:  # else its file would keep the socket open
            body = response.read(max_bytes + 1)
        _get_remaining_s(deadline)  # the response is incomplete if the connection was shut down
        return ServerResponse(response.status, response.headers, body)


# --- Private ------------------------------------------------------------------------------------------


@contextmanager
def _open_connection(url: SplitResult, addresses: Sequence[str], deadline: float) -> Iterator[HTTPConnection]:
    """Connect, for https with TLS. At `deadline` the connection is shut down."""
    with _connect(url, addresses, deadline) as opened:
        connection = HTTPConnection(url.hostname or "")
        connection.sock = opened
        end = Timer(_get_remaining_s(deadline), _shut_down, (opened,))
        end.daemon = True
        end.start()
        try:
            yield connection
        finally:
            end.cancel()


def _connect(url: SplitResult, addresses: Sequence[str], deadline: float) -> socket.socket:
    failure: OSError = OSError("the host has no address")
    for number, address in enumerate(addresses):
        # An address that does not respond leaves time for the next ones.
        share_s = _get_remaining_s(deadline) / (len(addresses) - number)
        try:
            plain = socket.create_connection((address, _get_port(url)), timeout=share_s)
        except OSError as error:
            failure = error
            continue
        return plain if url.scheme == "http" else _wrap_in_tls(plain, url.hostname, deadline)
    raise failure


def _wrap_in_tls(plain: socket.socket, host: str | None, deadline: float) -> socket.socket:
    try:
        plain.settimeout(
            _get_remaining_s(deadline)
        )  # for the handshake, without the time that connecting took
        return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _shut_down(opened: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _get_port(url: SplitResult) -> int:
    return url.port or DEFAULT_PORTS[url.scheme]


def _get_remaining_s(deadline: float) -> float:
    if (left := deadline - monotonic()) <= 0:
        raise TimeoutError("the time limit is exceeded")
    return left
