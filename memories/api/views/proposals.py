"""Views for proposals; all but extraction require the user's own session."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import describe_operations
from memories.api.preconditions import parse_if_match, respond_idempotently
from memories.api.representations import serialize_proposal
from memories.api.requests import AcceptIn, ConversationIn, PageQuery
from memories.api.views.base import ApiView, build_page_response, validate_body, validate_query
from memories.api.views.memories import build_created_response, get_page_arguments
from memories.review import decisions as review_decisions
from memories.review import extraction
from memories.review.decisions import PendingProposal
from memories.services import proposals


@describe_operations("list_proposals")
class ProposalListView(ApiView):
    def get(self, request: Request) -> Response:
        page = review_decisions.list_pending_proposals(
            self.actor, **get_page_arguments(validate_query(request, PageQuery))
        )
        return build_page_response(
            request, [serialize_proposal(self.actor, pending) for pending in page.waiting], page.next
        )


@describe_operations("decline_proposal")
class ProposalDetailView(ApiView):
    def delete(self, request: Request, proposal_id: UUID) -> Response:
        review_decisions.decline_proposals(self.actor, [proposal_id])
        return Response(status=204)


@describe_operations("accept_proposal")
class AcceptProposalView(ApiView):
    def post(self, request: Request, proposal_id: UUID) -> Response:
        edits = {**validate_body(request, AcceptIn), "expected_version": parse_if_match(request)}
        return respond_idempotently(
            request,
            lambda: build_created_response(
                review_decisions.accept_proposal(self.actor, proposal_id, **edits)
            ),
        )


@describe_operations("extract_memories")
class ExtractMemoriesView(ApiView):
    def post(self, request: Request) -> Response:
        extracted = extraction.extract_proposals(self.actor, **validate_body(request, ConversationIn))
        pending = [
            PendingProposal(proposal, proposals.load_content(proposal)) for proposal in extracted.proposals
        ]
        return Response(
            {
                "results": [serialize_proposal(self.actor, each) for each in pending],
                "left_out": extracted.left_out,
                "is_complete": extracted.is_complete,
            }
        )
