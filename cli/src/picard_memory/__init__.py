"""Python SDK of Picard, a personal-memory server.

from picard_memory import Picard

with Picard() as picard:  # the log-in of `picard login`
    picard.add("I am allergic to peanuts.", tags=["food"])
    for hit in picard.search("what must I not eat?"):
        print(hit.memory.text)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from picard_memory._async_client import AsyncPicard
    from picard_memory._client import Picard
    from picard_memory.auth import FixedToken, TokenSource
    from picard_memory.errors import (
        ApiError,
        ConfigurationError,
        ConflictError,
        ExitCode,
        FieldError,
        InvalidRequestError,
        NoAccessError,
        NotFoundError,
        NotLoggedInError,
        PicardError,
        RateLimitError,
        ServerError,
        UnexpectedAnswerError,
        UnknownTagError,
        UnreachableError,
    )
    from picard_memory.models import (
        Answer,
        Citation,
        Context,
        Event,
        Extraction,
        Hit,
        Import,
        Memory,
        Outcome,
        PendingApproval,
        Proposal,
        Revision,
        SearchResults,
        SimilarMemory,
        Tag,
        Whoami,
    )
    from picard_memory.requests import UNSET, BulkOperation

__all__ = [
    "UNSET",
    "Answer",
    "ApiError",
    "AsyncPicard",
    "BulkOperation",
    "Citation",
    "ConfigurationError",
    "ConflictError",
    "Context",
    "Event",
    "ExitCode",
    "Extraction",
    "FieldError",
    "FixedToken",
    "Hit",
    "Import",
    "InvalidRequestError",
    "Memory",
    "NoAccessError",
    "NotFoundError",
    "NotLoggedInError",
    "Outcome",
    "PendingApproval",
    "Picard",
    "PicardError",
    "Proposal",
    "RateLimitError",
    "Revision",
    "SearchResults",
    "ServerError",
    "SimilarMemory",
    "Tag",
    "TokenSource",
    "UnexpectedAnswerError",
    "UnknownTagError",
    "UnreachableError",
    "Whoami",
]

# Imported when they are used: shells start the program at each press of Tab, and agents at each turn.
_MODULES = {
    "_async_client": ("AsyncPicard",),
    "_client": ("Picard",),
    "auth": ("FixedToken", "TokenSource"),
    "errors": (
        "ApiError",
        "ConfigurationError",
        "ConflictError",
        "ExitCode",
        "FieldError",
        "InvalidRequestError",
        "NoAccessError",
        "NotFoundError",
        "NotLoggedInError",
        "PicardError",
        "RateLimitError",
        "ServerError",
        "UnexpectedAnswerError",
        "UnknownTagError",
        "UnreachableError",
    ),
    "models": (
        "Answer",
        "Citation",
        "Context",
        "Event",
        "Extraction",
        "Hit",
        "Import",
        "Memory",
        "Outcome",
        "PendingApproval",
        "Proposal",
        "Revision",
        "SearchResults",
        "SimilarMemory",
        "Tag",
        "Whoami",
    ),
    "requests": ("BulkOperation", "UNSET"),
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"picard_memory.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
