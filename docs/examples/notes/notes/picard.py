"""The one module that calls Picard's API; every way it can fail becomes an error of errors.py."""

from typing import Any
from uuid import UUID

import httpx2
from django.conf import settings

from notes import connections, errors
from notes.models import Connection

API = f"{settings.PICARD_URL}/api/v1"
PAGE = 50


class Picard:
    """For one person."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def memories(self) -> list[dict[str, Any]]:
        """The newest."""
        found: list[dict[str, Any]] = self._ask("GET", f"memories/?limit={PAGE}")["results"]
        return found

    def search(self, query: str) -> list[dict[str, Any]]:
        hits = self._ask("POST", "memories/search/", json={"query": query})["results"]
        return [hit["memory"] for hit in hits]

    def memory(self, memory_id: UUID) -> dict[str, Any]:
        return self._ask("GET", f"memories/{memory_id}/")

    def create(self, text: str, *, key: str) -> bool:
        """However often it is sent with the same key, there is one memory. False: it waits for the person's yes."""
        said = self._ask("POST", "memories/", json={"text": text}, headers={"Idempotency-Key": key})
        return not _waits(said)

    def edit(self, memory_id: UUID, text: str, *, version: str) -> bool:
        """False: it waits for the person's yes. Raises ChangedMeanwhile when it is no longer at this version."""
        headers = {"If-Match": f'"{version}"'}
        return not _waits(self._ask("PATCH", f"memories/{memory_id}/", json={"text": text}, headers=headers))

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        token = connections.access_token(self.connection)
        answer = _send(method, path, token, **options)
        if answer.status_code == 401:  # ended early: a fresh one may be had, or all is over
            token = connections.access_token(self.connection, not_this=token)
            answer = _send(method, path, token, **options)
        if not answer.is_success:
            raise _error_of(answer)
        said: dict[str, Any] = answer.json()
        return said


def _send(method: str, path: str, token: str, **options: Any) -> httpx2.Response:
    headers = {**options.pop("headers", {}), "Authorization": f"Bearer {token}"}
    try:
        address, timeout = f"{API}/{path}", settings.PICARD_TIMEOUT_S
        return httpx2.request(method, address, headers=headers, timeout=timeout, **options)
    except httpx2.TransportError:
        raise errors.PicardDown from None


def _waits(said: dict[str, Any]) -> bool:
    """The person wants to be asked before anything is saved (202), or others would read the change."""
    return said.get("status") == "waits_for_yes"


def _error_of(answer: httpx2.Response) -> errors.PicardError:
    """Of a problem (RFC 9457)."""
    problem = (
        answer.json() if answer.headers.get("Content-Type", "").startswith("application/problem") else {}
    )
    status = answer.status_code
    if status == 429:
        return errors.TooMany(answer.headers.get("Retry-After", "a few"))
    if status >= 500:
        return errors.PicardDown()
    if problem.get("code") == "insufficient_scope":
        return errors.ScopeMissing(_scope_in(answer.headers.get("WWW-Authenticate", "")))
    if status == 400:
        said = " ".join(each["detail"] for each in problem.get("errors", ()))
        return errors.Refused(said or problem.get("detail", "It was refused."))
    known = {401: errors.AccessEnded, 404: errors.NotFound, 412: errors.ChangedMeanwhile}
    return known.get(status, errors.PicardError)()


def _scope_in(challenge: str) -> str:
    """RFC 6750 3: what the header says was missing."""
    _before, _found, after = challenge.partition('scope="')
    return after.partition('"')[0] or "more"
