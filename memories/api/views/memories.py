"""Views for memories, search, history and trash: validate, call the domain, serialize."""

from functools import partial
from typing import Any, cast
from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import Actor
from memories.api.errors import build_problem
from memories.api.openapi.schema import describe_operations
from memories.api.preconditions import parse_if_match, respond_idempotently, respond_or_require_approval
from memories.api.representations import (
    build_memory_response,
    serialize_approval_required,
    serialize_memory,
    serialize_revision,
    serialize_search_result,
    serialize_similar_memory,
    serialize_trashed_memory,
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
    build_filters,
)
from memories.api.views.base import ApiView, build_page_response, validate_body, validate_query
from memories.errors import ApprovalRequired
from memories.models import Memory
from memories.search import near_duplicates
from memories.search.exact_duplicates import OnDuplicate, create_unless_duplicate
from memories.search.query import search_memories
from memories.services import bulk, reads, writes
from memories.validation.drafts import Changes


@describe_operations("list_memories", "create_memory")
class MemoryListView(ApiView):
    def get(self, request: Request) -> Response:
        query = validate_query(request, ListQuery) if request.query_params else {}
        page = reads.list_memories(self.actor, filters=build_filters(query), **get_page_arguments(query))
        return build_page_response(request, [serialize_memory(memory) for memory in page.memories], page.next)

    def post(self, request: Request) -> Response:
        values = validate_body(request, MemoryIn)
        if not request.query_params:
            return respond_idempotently(
                request, lambda: build_created_response(writes.create_memory(self.actor, **values))
            )
        query = validate_query(request, CreateQuery)
        return respond_idempotently(request, lambda: _create_unless_duplicate(self.actor, values, **query))


@describe_operations("search_memories")
class MemorySearchView(ApiView):
    def post(self, request: Request) -> Response:
        body = validate_body(request, SearchIn)
        result = search_memories(
            self.actor, body["query"], filters=build_filters(body), limit=body["limit"], only_related=True
        )
        return Response(serialize_search_result(result))


@describe_operations("change_many")
class MemoryBulkView(ApiView):
    def post(self, request: Request) -> Response:
        items = [_parse_operation(dict(item)) for item in validate_body(request, BulkIn)["operations"]]
        return respond_idempotently(
            request, lambda: _build_bulk_response(items, bulk.apply_operations(self.actor, items))
        )


@describe_operations("read_memory", "replace_memory", "change_memory", "trash_memory")
class MemoryDetailView(ApiView):
    def get(self, request: Request, memory_id: UUID) -> Response:
        return build_memory_response(reads.get_memory(self.actor, memory_id))

    def put(self, request: Request, memory_id: UUID) -> Response:
        return self._update_memory(request, memory_id, validate_body(request, MemoryIn))

    def patch(self, request: Request, memory_id: UUID) -> Response:
        return self._update_memory(request, memory_id, validate_body(request, MemoryChanges))

    def delete(self, request: Request, memory_id: UUID) -> Response:
        writes.trash_memory(self.actor, memory_id, expected_version=parse_if_match(request))
        return Response(status=204)

    def _update_memory(self, request: Request, memory_id: UUID, changes: dict[str, Any]) -> Response:
        version = parse_if_match(request)
        change = partial(writes.update_memory, self.actor, memory_id, expected_version=version, **changes)
        return respond_or_require_approval(lambda: build_memory_response(change()))


@describe_operations("list_similar")
class SimilarMemoriesView(ApiView):
    def get(self, request: Request, memory_id: UUID) -> Response:
        return Response(
            {
                "results": list(
                    map(serialize_similar_memory, near_duplicates.find_similar(self.actor, memory_id))
                )
            }
        )


@describe_operations("unite_memories")
class MergeMemoriesView(ApiView):
    def post(self, request: Request, memory_id: UUID, other_id: UUID) -> Response:
        options = validate_body(request, UniteIn)
        return respond_idempotently(
            request,
            lambda: build_memory_response(
                near_duplicates.merge_memories(self.actor, memory_id, other_id, **options)
            ),
        )


@describe_operations("keep_both_memories")
class KeepBothView(ApiView):
    def post(self, request: Request, memory_id: UUID, other_id: UUID) -> Response:
        near_duplicates.dismiss_duplicate(self.actor, memory_id, other_id)
        return Response(status=204)


@describe_operations("list_history")
class MemoryHistoryView(ApiView):
    def get(self, request: Request, memory_id: UUID) -> Response:
        query = validate_query(request, HistoryQuery) if request.query_params else {}
        page = reads.get_history(self.actor, memory_id, **get_page_arguments(query))
        rows = [serialize_revision(self.actor, revision) for revision in page.revisions]
        return build_page_response(request, rows, page.next)


@describe_operations("restore_version")
class RestoreVersionView(ApiView):
    def post(self, request: Request, memory_id: UUID, version: int) -> Response:
        return respond_idempotently(
            request, lambda: build_memory_response(writes.restore_version(self.actor, memory_id, version))
        )


@describe_operations("list_trash", "empty_trash")
class TrashListView(ApiView):
    def get(self, request: Request) -> Response:
        query = validate_query(request, TrashQuery)
        page = reads.list_trash(self.actor, expired=query["expired"], **get_page_arguments(query))
        return build_page_response(
            request, [serialize_trashed_memory(memory) for memory in page.memories], page.next
        )

    def delete(self, request: Request) -> Response:
        return Response({"deleted": writes.empty_trash(self.actor)})


@describe_operations("delete_memory")
class TrashedMemoryView(ApiView):
    def delete(self, request: Request, memory_id: UUID) -> Response:
        writes.delete_memory(self.actor, memory_id)
        return Response(status=204)


@describe_operations("restore_memory")
class RestoreMemoryView(ApiView):
    def post(self, request: Request, memory_id: UUID) -> Response:
        return respond_idempotently(
            request, lambda: build_memory_response(writes.restore_memory(self.actor, memory_id))
        )


def get_page_arguments(query: dict[str, object]) -> dict[str, Any]:
    return {"before": query["cursor"], "limit": query["limit"]} if query else {}


def build_created_response(memory: Memory) -> Response:
    return build_memory_response(
        memory, status=201, headers={"Location": reverse("api:memory", args=[memory.pk])}
    )


def _create_unless_duplicate(actor: Actor, values: dict[str, Any], on_duplicate: str) -> Response:
    values = {name: value for name, value in values.items() if value is not None}  # no expiry: not given
    memory, is_new = create_unless_duplicate(actor, on_duplicate=OnDuplicate(on_duplicate), **values)
    return build_created_response(memory) if is_new else build_memory_response(memory)


def _parse_operation(item: dict[str, Any]) -> bulk.Operation:
    op, memory_id, version = item.pop("op"), item.pop("id", None), item.pop("expected_version", None)
    changes = cast(Changes, item)
    if op == "create":
        return bulk.CreateOperation(changes)
    return (
        bulk.UpdateOperation(memory_id, changes, version)
        if op == "update"
        else bulk.TrashOperation(memory_id, version)
    )


def _build_bulk_response(operations: list[bulk.Operation], outcomes: list[bulk.Outcome]) -> Response:
    pairs = zip(operations, outcomes, strict=True)
    return Response({"results": [_serialize_outcome(operation, outcome) for operation, outcome in pairs]})


def _serialize_outcome(operation: bulk.Operation, outcome: bulk.Outcome) -> dict[str, object]:
    if isinstance(outcome, ApprovalRequired):
        return {
            "status": 202,
            "memory": None,
            "problem": None,
            "waiting": serialize_approval_required(outcome),
        }
    if isinstance(outcome, Exception):
        problem = build_problem(outcome)
        return {"status": problem.status, "memory": None, "problem": problem.as_json()}
    if isinstance(operation, bulk.TrashOperation):
        return {"status": 204, "memory": None, "problem": None}
    status = 201 if isinstance(operation, bulk.CreateOperation) else 200
    return {"status": status, "memory": serialize_memory(outcome), "problem": None}
