"""The REST API about what waits for a person's yes: for their own session only, but for putting more there."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import operations
from memories.api.preconditions import expected_version, once
from memories.api.representations import proposal_json
from memories.api.requests import AcceptIn, ConversationIn, PageQuery
from memories.api.views.base import ApiView, body_of, page_of, query_of
from memories.api.views.memories import created, page_asked
from memories.review import decisions as review_decisions
from memories.review import extraction
from memories.review.decisions import Waiting
from memories.services import proposals


@operations("list_proposals")
class Proposals(ApiView):
    def get(self, request: Request) -> Response:
        page = review_decisions.list_waiting(self.actor, **page_asked(query_of(request, PageQuery)))
        return page_of(request, [proposal_json(each) for each in page.waiting], page.next)


@operations("decline_proposal")
class OneProposal(ApiView):
    def delete(self, request: Request, proposal_id: UUID) -> Response:
        review_decisions.decline(self.actor, [proposal_id])
        return Response(status=204)


@operations("accept_proposal")
class Accept(ApiView):
    def post(self, request: Request, proposal_id: UUID) -> Response:
        edited = {**body_of(request, AcceptIn), "expected_version": expected_version(request)}
        return once(request, lambda: created(review_decisions.accept(self.actor, proposal_id, **edited)))


@operations("extract_memories")
class Extract(ApiView):
    def post(self, request: Request) -> Response:
        found = extraction.extract(self.actor, **body_of(request, ConversationIn))
        waiting = [Waiting(each, proposals.loaded(each)) for each in found]
        return Response({"results": list(map(proposal_json, waiting))})
