"""The REST API about a person's tags."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import operations
from memories.api.preconditions import once
from memories.api.representations import tag_json
from memories.api.requests import MergeIn, TagChanges
from memories.api.views.base import ApiView, body_of
from memories.services import reads, tag_admin


@operations("list_tags")
class Tags(ApiView):
    def get(self, request: Request) -> Response:
        return Response({"results": list(map(tag_json, reads.tags_of(self.actor)))})


@operations("rename_tag", "remove_tag")
class OneTag(ApiView):
    def patch(self, request: Request, tag_id: UUID) -> Response:
        changes = body_of(request, TagChanges)
        return Response(tag_json(tag_admin.rename_tag(self.actor, tag_id, **changes)))

    def delete(self, request: Request, tag_id: UUID) -> Response:
        tag_admin.remove_tag(self.actor, tag_id)
        return Response(status=204)


@operations("merge_tags")
class MergeTag(ApiView):
    def post(self, request: Request, tag_id: UUID) -> Response:
        into = body_of(request, MergeIn)
        return once(request, lambda: Response(tag_json(tag_admin.merge_tags(self.actor, tag_id, **into))))
