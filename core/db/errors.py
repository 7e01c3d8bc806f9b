"""How it is recognised that the database cannot serve just now: it starts or stops, is full, or a connection broke."""

import psycopg
from django.db import InterfaceError, OperationalError

# What psycopg itself raises comes from connections that are not Django's, and from opening one.
DATABASE_UNAVAILABLE = (OperationalError, InterfaceError, psycopg.OperationalError)
DATABASE_RETRY_AFTER_S = 5  # what a client is told to wait


def is_database_unavailable(error: BaseException | None) -> bool:
    """Whether the same request may succeed later, unchanged."""
    return isinstance(error, DATABASE_UNAVAILABLE)
