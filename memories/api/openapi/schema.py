"""Build the OpenAPI description from the operation tables, with every status an operation can return."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)

from memories.api.openapi import examples
from memories.api.openapi import responses as openapi_responses
from memories.api.openapi.memory_operations import MEMORY_OPERATIONS
from memories.api.openapi.operation import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, Operation
from memories.api.openapi.person_operations import PERSON_OPERATIONS

PROBLEM = "application/problem+json"
PROBLEM_EXAMPLES: dict[int, tuple[str, str]] = {
    400: ("invalid", "The request is invalid. See errors for details."),
    401: ("invalid_token", "The access token has expired."),
    403: ("insufficient_scope", "This needs the scope memories:read."),
    404: ("not_found", "Not found."),
    409: ("key_in_flight", "A request with this Idempotency-Key is in progress. Try again later."),
    412: ("version_conflict", "The memory was changed in the meantime. Its current version is 3."),
    413: ("too_large", "The request body is larger than 4,000,000 bytes."),
    415: ("unsupported_media_type", "Unsupported media type in request."),
    422: (
        "key_reused",
        "This Idempotency-Key was used for a different request or with different permissions.",
    ),
    429: ("rate_limited", "Too many requests. Try again in 1 s."),
    503: ("unavailable", "The database is unavailable. Try again later."),
}
COMMON_STATUSES = (401, 403, 429, 503)
BODY_STATUSES = (400, 413, 415)
IDEMPOTENCY_STATUSES = (400, 404, 409, 422)
REPLAYED = OpenApiParameter(
    "Idempotency-Replayed",
    str,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="`true` if this is a stored response to an earlier request.",
)
OPERATIONS = MEMORY_OPERATIONS | PERSON_OPERATIONS


def describe_operations(*names: str) -> Callable[[type], type]:
    """Return a class decorator that adds these operations to the OpenAPI description of a view."""
    described = {OPERATIONS[name].method: _describe_operation(name, OPERATIONS[name]) for name in names}
    return extend_schema_view(**described)


def _describe_operation(name: str, operation: Operation) -> Any:
    statuses = {*COMMON_STATUSES, *operation.statuses}
    if operation.body:
        statuses |= {*BODY_STATUSES}
    if IDEMPOTENCY_KEY in operation.headers:
        statuses |= {*IDEMPOTENCY_STATUSES}
    if operation.query or IF_MATCH in operation.headers:
        statuses |= {400}
    responses = {(status, PROBLEM): _build_problem_response(status) for status in sorted(statuses)}
    scope = [operation.scope] if operation.scope else []
    scope_note = f"Needs `{operation.scope}`." if operation.scope else ""
    return extend_schema(
        operation_id=name,
        tags=[operation.tag],
        summary=operation.summary,
        description=" ".join(filter(None, (operation.description, scope_note))),
        auth=[{"oauth": scope}, {"token": []}, {"session": []}],  # type: ignore[list-item]
        parameters=_build_parameters(operation),
        request={operation.media_type: operation.body} if operation.body else None,
        responses={
            **_build_responses(operation),
            **_build_approval_responses(operation),
            **_build_unchanged_responses(operation),
            **responses,
        },
        examples=_body_examples(operation),
    )


def _build_parameters(operation: Operation) -> list[Any]:
    response_headers = [
        OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[operation.status])
        for name in operation.response_headers
    ]
    replayed = [REPLAYED] if IDEMPOTENCY_KEY in operation.headers else []
    return [*([operation.query] if operation.query else []), *operation.headers, *response_headers, *replayed]


def _build_responses(operation: Operation) -> dict[int | tuple[int, str], OpenApiResponse]:
    if not operation.files:
        statuses = filter(None, (operation.status, operation.alternate_status))
        return {status: _build_response(operation) for status in statuses}
    return {
        (operation.status, media_type): _build_file_response(operation, media_type)
        for media_type in operation.files
    }


def _build_file_response(operation: Operation, media_type: str) -> OpenApiResponse:
    file = operation.files[media_type]
    example = OpenApiExample("File", value=file.example, response_only=True, media_type=media_type)
    return OpenApiResponse(file.schema, description=operation.summary, examples=[example])


def _build_response(operation: Operation) -> OpenApiResponse:
    if operation.response is None:
        return OpenApiResponse(description="Done.")
    example = OpenApiExample("Answer", value=operation.example, response_only=True)
    return OpenApiResponse(operation.response, description=operation.summary, examples=[example])


def _build_approval_responses(operation: Operation) -> dict[int, OpenApiResponse]:
    if not operation.may_need_approval:
        return {}
    example = OpenApiExample("Waiting", value=examples.WAITING, response_only=True)
    description = (
        "Nothing is saved yet: the change needs the user's approval. They require it for this app, or the app lacks "
        "`memories:publish` and would change the text of a public memory or keep it public for longer."
    )
    return {202: OpenApiResponse(openapi_responses.Waiting, description=description, examples=[example])}


def _build_unchanged_responses(operation: Operation) -> dict[int, OpenApiResponse]:
    if IF_NONE_MATCH not in operation.headers:
        return {}
    return {304: OpenApiResponse(description="Nothing has changed since the response with this ETag.")}


def _build_problem_response(status: int) -> OpenApiResponse:
    code, detail = PROBLEM_EXAMPLES[status]
    title = HTTPStatus(status).phrase
    example = OpenApiExample(
        title, value=examples.build_problem_example(status, title, code, detail), response_only=True
    )
    return OpenApiResponse(openapi_responses.Problem, description=title, examples=[example])


def _body_examples(operation: Operation) -> list[OpenApiExample]:
    if operation.body_example is None:
        return []
    example = OpenApiExample(
        "Request", value=operation.body_example, request_only=True, media_type=operation.media_type
    )
    return [example]
