"""A client of Picard's API, the only module that calls it. It raises the errors of errors.py."""

from typing import Any
from uuid import UUID

import httpx2
from django.conf import settings

from notes import connections, errors
from notes.models import Connection

API = f"{settings.PICARD_URL}/api/v1"
PAGE_SIZE = 50


class Picard:
    """The API on behalf of one user."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def list_memories(self) -> list[dict[str, Any]]:
        """Return the newest memories."""
        results: list[dict[str, Any]] = self._request("GET", f"memories/?limit={PAGE_SIZE}")["results"]
        return results

    def search_memories(self, query: str) -> list[dict[str, Any]]:
        hits = self._request("POST", "memories/search/", json={"query": query})["results"]
        return [hit["memory"] for hit in hits]

    def get_memory(self, memory_id: UUID) -> dict[str, Any]:
        return self._request("GET", f"memories/{memory_id}/")

    def create_memory(self, text: str, *, key: str) -> bool:
        """Create one memory, however often the same key is sent. Return False if it needs the user's approval."""
        body = self._request("POST", "memories/", json={"text": text}, headers={"Idempotency-Key": key})
        return not _needs_approval(body)

    def update_memory(self, memory_id: UUID, text: str, *, version: str) -> bool:
        """Return False if the change needs the user's approval. Raises VersionConflict for any other version."""
        headers = {"If-Match": f'"{version}"'}
        body = self._request("PATCH", f"memories/{memory_id}/", json={"text": text}, headers=headers)
        return not _needs_approval(body)

    def _request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        token = connections.get_access_token(self.connection)
        response = _send_request(method, path, token, **options)
        if response.status_code == 401:  # revoked before it expired: a refresh works, or access has ended
            token = connections.get_access_token(self.connection, rejected=token)
            response = _send_request(method, path, token, **options)
        if not response.is_success:
            raise _build_error(response)
        body: dict[str, Any] = response.json()
        return body


def _send_request(method: str, path: str, token: str, **options: Any) -> httpx2.Response:
    headers = {**options.pop("headers", {}), "Authorization": f"Bearer {token}"}
    try:
        url, timeout = f"{API}/{path}", settings.PICARD_TIMEOUT_S
        return httpx2.request(method, url, headers=headers, timeout=timeout, **options)
    except httpx2.TransportError:
        raise errors.PicardDown from None


def _needs_approval(body: dict[str, Any]) -> bool:
    """Return whether nothing is saved yet (202): the user approves Notes' changes, or the memory is public."""
    return body.get("status") == "waits_for_yes"


def _build_error(response: httpx2.Response) -> errors.PicardError:
    """Return the error for a problem response (RFC 9457)."""
    is_problem = response.headers.get("Content-Type", "").startswith("application/problem")
    problem = response.json() if is_problem else {}
    status = response.status_code
    if status == 429:
        return errors.RateLimited(response.headers.get("Retry-After", "a few"))
    if status >= 500:
        return errors.PicardDown()
    if problem.get("code") == "insufficient_scope":
        return errors.ScopeMissing(_parse_scope(response.headers.get("WWW-Authenticate", "")))
    if status == 400:
        details = " ".join(each["detail"] for each in problem.get("errors", ()))
        return errors.InvalidRequest(details or problem.get("detail", "It gave no reason."))
    known = {401: errors.AccessEnded, 404: errors.MemoryNotFound, 412: errors.VersionConflict}
    return known.get(status, errors.PicardError)()


def _parse_scope(challenge: str) -> str:
    """Return the missing scope that a WWW-Authenticate header names (RFC 6750, section 3)."""
    return challenge.partition('scope="')[2].partition('"')[0] or "more"
