"""The REST API about what waits for a person's yes: for their own session only, but for putting more there."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from memories import extracting, proposing, reviewing
from memories.api.answers import proposal_json
from memories.api.base import ApiView, body_of, page_of, query_of
from memories.api.conditions import expected_version, once
from memories.api.schema import operations
from memories.api.serializers import AcceptIn, ConversationIn, PageQuery
from memories.api.views import created, page_asked
from memories.reviewing import Waiting


@operations("list_proposals")
class Proposals(ApiView):
    def get(self, request: Request) -> Response:
        page = reviewing.list_waiting(self.actor, **page_asked(query_of(request, PageQuery)))
        return page_of(request, [proposal_json(each) for each in page.waiting], page.next)


@operations("decline_proposal")
class OneProposal(ApiView):
    def delete(self, request: Request, proposal_id: UUID) -> Response:
        reviewing.decline(self.actor, [proposal_id])
        return Response(status=204)


@operations("accept_proposal")
class Accept(ApiView):
    def post(self, request: Request, proposal_id: UUID) -> Response:
        edited = {**body_of(request, AcceptIn), "expected_version": expected_version(request)}
        return once(request, lambda: created(reviewing.accept(self.actor, proposal_id, **edited)))


@operations("extract_memories")
class Extract(ApiView):
    def post(self, request: Request) -> Response:
        found = extracting.extract(self.actor, **body_of(request, ConversationIn))
        waiting = [Waiting(each, proposing.loaded(each)) for each in found]
        return Response({"results": list(map(proposal_json, waiting))})
