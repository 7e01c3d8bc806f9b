"""Views for tags."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import describe_operations
from memories.api.preconditions import respond_idempotently
from memories.api.representations import serialize_tag
from memories.api.requests import MergeIn, TagChanges, TagQuery
from memories.api.views.base import ApiView, build_page_response, validate_body, validate_query
from memories.services import reads, tag_admin


@describe_operations("list_tags")
class TagListView(ApiView):
    def get(self, request: Request) -> Response:
        query = validate_query(request, TagQuery) if request.query_params else {}
        page = reads.list_tags(
            self.actor, after=query.get("cursor") or 0, limit=query.get("limit", reads.MAX_LISTED_TAGS)
        )
        return build_page_response(request, list(map(serialize_tag, page.tags)), page.next)


@describe_operations("rename_tag", "remove_tag")
class TagDetailView(ApiView):
    def patch(self, request: Request, tag_id: UUID) -> Response:
        changes = validate_body(request, TagChanges)
        return Response(serialize_tag(tag_admin.rename_tag(self.actor, tag_id, **changes)))

    def delete(self, request: Request, tag_id: UUID) -> Response:
        tag_admin.remove_tag(self.actor, tag_id)
        return Response(status=204)


@describe_operations("merge_tags")
class MergeTagsView(ApiView):
    def post(self, request: Request, tag_id: UUID) -> Response:
        body = validate_body(request, MergeIn)
        return respond_idempotently(
            request, lambda: Response(serialize_tag(tag_admin.merge_tags(self.actor, tag_id, **body)))
        )
