"""The view of the context."""

from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import describe_operations
from memories.api.preconditions import respond_unless_unchanged
from memories.api.representations import serialize_context
from memories.api.requests import ContextQuery
from memories.api.views.base import ApiView, validate_query
from memories.context.selection import build_context, compute_fingerprint


@describe_operations("read_context")
class ContextView(ApiView):
    def get(self, request: Request) -> Response:
        query = validate_query(request, ContextQuery)
        context = build_context(self.actor, max_tokens=query["max_tokens"], query=query["query"])
        etag = f'"{compute_fingerprint(self.actor, context)}"'
        return respond_unless_unchanged(request, etag, serialize_context(context))
