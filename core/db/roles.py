"""Roles in which Picard logs in to PostgreSQL, each with no more rights than it needs (docs/deployment.md).

WEB serves requests: it owns no table, and row security holds for it. SYSTEM is for the worker, commands, metrics and
the admin site: it may act as the system. OWNER migrates, dumps and restores. They may all be one and the same.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import connection

from core.db.principal import SYSTEM, Principal, acting_as, set_process_default


class Role(StrEnum):
    WEB = "web"
    SYSTEM = "system"
    OWNER = "owner"


def choose_role(arguments: Sequence[str]) -> Role:
    """Return the role of a process by its command line: commands are the operator's, everything else serves requests.

    Commands that need another one change it themselves.
    """
    program, command = Path(arguments[0]).name if arguments else "", arguments[1:2]
    return Role.SYSTEM if program == "manage.py" and command != ["runserver"] else Role.WEB


@contextmanager
def connected_as(role: Role) -> Iterator[None]:
    """Use a connection of this role in the block. Raises TransactionManagementError within a transaction."""
    with cast(Any, connection).log_in_as(role):
        yield


@contextmanager
def acting_as_system(role: Role = Role.SYSTEM) -> Iterator[None]:
    """Access the rows of all people in the block, in a role that may."""
    with connected_as(role), acting_as(SYSTEM):
        yield


@contextmanager
def acting_as_person(person_id: UUID) -> Iterator[None]:
    """Access the rows of this person alone in the block, in the role that serves their requests."""
    with connected_as(Role.WEB), acting_as(Principal(person_id)):
        yield


def act_as_operator() -> None:
    """Make this process an operator's, with all rights. For scripts, after django.setup(); commands need no call."""
    login: Any = connection
    settings.DATABASES["default"]["ROLE"] = Role.OWNER
    login.close()
    login.switch_role(Role.OWNER)
    set_process_default(SYSTEM)
