"""Detection of an unavailable database: it is starting, stopping or full, a connection broke, or a statement took too
long (core/db/time_limits.py).
"""

import psycopg
from django.db import InterfaceError, OperationalError

# psycopg's own errors come from connections outside of Django, and from connecting.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, psycopg.OperationalError)
# Citus tells of a node that went away during a statement by an internal error.
LOST_NODE = (
    "marked as essential",
    "server closed the connection unexpectedly",
    "connection to the remote node",
    "could not commit transaction",
)
DATABASE_RETRY_AFTER_S = 5  # Retry-After of the 503 response


def is_database_unavailable(error: BaseException | None) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, DATABASE_UNAVAILABLE)


def has_lost_node(error: BaseException | None) -> bool:
    """Return whether a node of a distributed database went away."""
    return isinstance(error, psycopg.InternalError) and any(words in str(error) for words in LOST_NODE)


def has_timed_out(error: BaseException | None) -> bool:
    """Return whether a statement was cancelled because it took too long."""
    cause = error.__cause__ if isinstance(error, OperationalError) else error
    return isinstance(cause, psycopg.errors.QueryCanceled)


def describe_unavailability(error: BaseException | None) -> str:
    """Return what happened, for the clients of an API."""
    return "The request took too long." if has_timed_out(error) else "The database is unavailable."
