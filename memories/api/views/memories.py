"""The REST API: translate in, call the domain, translate out."""

from functools import partial
from typing import Any, cast
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import Actor
from memories.api.errors import problem_of
from memories.api.openapi.schema import operations
from memories.api.preconditions import expected_version, once, saved_or_waiting
from memories.api.representations import (
    memory_json,
    memory_response,
    revision_json,
    search_json,
    similar_json,
    trashed_json,
    waiting_json,
)
from memories.api.requests import (
    BulkIn,
    CreateQuery,
    HistoryQuery,
    ListQuery,
    MemoryChanges,
    MemoryIn,
    SearchIn,
    TrashQuery,
    UniteIn,
    filters_of,
)
from memories.api.views.base import ApiView, body_of, page_of, query_of
from memories.errors import WaitsForYes
from memories.models import Memory
from memories.search import near_duplicates
from memories.search.exact_duplicates import OnDuplicate, create_unless_same
from memories.search.query import search
from memories.services import bulk, reads, writes
from memories.validation.drafts import Changes


@operations("list_memories", "create_memory")
class Memories(ApiView):
    def get(self, request: Request) -> Response:
        asked = query_of(request, ListQuery) if request.query_params else {}
        page = reads.list_memories(self.actor, filters=filters_of(asked), **page_asked(asked))
        return page_of(request, [memory_json(memory) for memory in page.memories], page.next)

    def post(self, request: Request) -> Response:
        values = body_of(request, MemoryIn)
        if not request.query_params:
            return once(request, lambda: created(writes.create_memory(self.actor, **values)))
        asked = query_of(request, CreateQuery)
        return once(request, lambda: _created_once(self.actor, values, **asked))


@operations("search_memories")
class Search(ApiView):
    def post(self, request: Request) -> Response:
        asked = body_of(request, SearchIn)
        found = search(self.actor, asked["query"], filters=filters_of(asked), limit=asked["limit"])
        return Response(search_json(found))


@operations("change_many")
class Bulk(ApiView):
    def post(self, request: Request) -> Response:
        items = [_operation(dict(item)) for item in body_of(request, BulkIn)["operations"]]
        return once(request, lambda: _outcomes(items, bulk.apply_many(self.actor, items)))


@operations("read_memory", "replace_memory", "change_memory", "trash_memory")
class OneMemory(ApiView):
    def get(self, request: Request, memory_id: UUID) -> Response:
        return memory_response(reads.get_memory(self.actor, memory_id))

    def put(self, request: Request, memory_id: UUID) -> Response:
        return self._update(request, memory_id, body_of(request, MemoryIn))

    def patch(self, request: Request, memory_id: UUID) -> Response:
        return self._update(request, memory_id, body_of(request, MemoryChanges))

    def delete(self, request: Request, memory_id: UUID) -> Response:
        writes.trash_memory(self.actor, memory_id, expected_version=expected_version(request))
        return Response(status=204)

    def _update(self, request: Request, memory_id: UUID, changes: dict[str, Any]) -> Response:
        version = expected_version(request)
        change = partial(writes.update_memory, self.actor, memory_id, expected_version=version, **changes)
        return saved_or_waiting(lambda: memory_response(change()))


@operations("list_similar")
class Similar(ApiView):
    def get(self, request: Request, memory_id: UUID) -> Response:
        return Response(
            {"results": list(map(similar_json, near_duplicates.similar_to(self.actor, memory_id)))}
        )


@operations("unite_memories")
class Unite(ApiView):
    def post(self, request: Request, memory_id: UUID, other_id: UUID) -> Response:
        wish = body_of(request, UniteIn)
        return once(
            request, lambda: memory_response(near_duplicates.unite(self.actor, memory_id, other_id, **wish))
        )


@operations("keep_both_memories")
class KeepBoth(ApiView):
    def post(self, request: Request, memory_id: UUID, other_id: UUID) -> Response:
        near_duplicates.keep_both(self.actor, memory_id, other_id)
        return Response(status=204)


@operations("list_history")
class History(ApiView):
    def get(self, request: Request, memory_id: UUID) -> Response:
        asked = query_of(request, HistoryQuery) if request.query_params else {}
        page = reads.history(self.actor, memory_id, **page_asked(asked))
        return page_of(request, list(map(revision_json, page.revisions)), page.next)


@operations("restore_version")
class RestoreVersion(ApiView):
    def post(self, request: Request, memory_id: UUID, version: int) -> Response:
        return once(request, lambda: memory_response(writes.restore_version(self.actor, memory_id, version)))


@operations("list_trash", "empty_trash")
class Trash(ApiView):
    def get(self, request: Request) -> Response:
        asked = query_of(request, TrashQuery)
        page = reads.list_trash(self.actor, expired=asked["expired"], **page_asked(asked))
        return page_of(request, [trashed_json(memory) for memory in page.memories], page.next)

    def delete(self, request: Request) -> Response:
        return Response({"deleted": writes.empty_trash(self.actor)})


@operations("delete_memory")
class TrashedMemory(ApiView):
    def delete(self, request: Request, memory_id: UUID) -> Response:
        writes.delete_memory(self.actor, memory_id)
        return Response(status=204)


@operations("restore_memory")
class RestoreMemory(ApiView):
    def post(self, request: Request, memory_id: UUID) -> Response:
        return once(request, lambda: memory_response(writes.restore_memory(self.actor, memory_id)))


def page_asked(asked: dict[str, object]) -> dict[str, Any]:
    return {"before": asked["cursor"], "limit": asked["limit"]} if asked else {}


def created(memory: Memory) -> Response:
    return memory_response(memory, status=201, headers={"Location": reverse("api:memory", args=[memory.pk])})


def _created_once(actor: Actor, values: dict[str, Any], on_duplicate: str) -> Response:
    wish = OnDuplicate(on_duplicate)
    memory, is_new = create_unless_same(actor, on_duplicate=wish, **values)
    return created(memory) if is_new else memory_response(memory)


def _operation(given: dict[str, Any]) -> bulk.Operation:
    op, memory_id, version = given.pop("op"), given.pop("id", None), given.pop("expected_version", None)
    changes = cast(Changes, given)
    if op == "create":
        return bulk.Create(changes)
    return bulk.Update(memory_id, changes, version) if op == "update" else bulk.Trash(memory_id, version)


def _outcomes(operations: list[bulk.Operation], outcomes: list[bulk.Outcome]) -> Response:
    pairs = zip(operations, outcomes, strict=True)
    return Response({"results": [_outcome(operation, outcome) for operation, outcome in pairs]})


def _outcome(operation: bulk.Operation, outcome: bulk.Outcome) -> dict[str, object]:
    if isinstance(outcome, WaitsForYes):
        return {"status": 202, "memory": None, "problem": None, "waiting": waiting_json(outcome)}
    if isinstance(outcome, Exception):
        problem = problem_of(outcome)
        return {"status": problem.status, "memory": None, "problem": problem.as_json()}
    if isinstance(operation, bulk.Trash):
        return {"status": 204, "memory": None, "problem": None}
    status = 201 if isinstance(operation, bulk.Create) else 200
    return {"status": status, "memory": memory_json(outcome), "problem": None}
