"""Detection of an unavailable database: it is starting, stopping or full, or a connection broke."""

import psycopg
from django.db import InterfaceError, OperationalError

# psycopg's own errors come from connections outside of Django, and from connecting.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, psycopg.OperationalError)
DATABASE_RETRY_AFTER_S = 5  # Retry-After of the 503 response


def is_database_unavailable(error: BaseException | None) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, DATABASE_UNAVAILABLE)
