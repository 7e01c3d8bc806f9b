"""Views for the persona, the identity, the profile and the activity of the user."""

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.profile.service import update_profile
from memories import scopes
from memories.api.openapi.schema import describe_operations
from memories.api.persona_stream import respond_with_answer
from memories.api.representations import serialize_event, serialize_profile, serialize_whoami
from memories.api.requests import ActivityQuery, ProfileChanges, QuestionIn
from memories.api.views.base import ApiView, build_page_response, validate_body, validate_query
from memories.api.views.memories import get_page_arguments
from memories.clients import audit_log
from memories.persona import retrieval as persona_retrieval
from memories.persona.answers import ChatTurn


@describe_operations("ask_persona")
class AskPersonaView(ApiView):
    def post(self, request: Request, handle: str) -> HttpResponseBase:
        body = validate_body(request, QuestionIn)
        subject = persona_retrieval.find_persona(self.actor, handle)
        turns = [ChatTurn(turn["role"], turn["text"]) for turn in body["turns"]]
        return respond_with_answer(
            request, persona_retrieval.prepare_answer(self.actor, subject, body["question"], turns)
        )


@describe_operations("whoami")
class WhoamiView(ApiView):
    def get(self, request: Request) -> Response:
        return Response(serialize_whoami(self.actor))


@describe_operations("read_profile", "change_profile")
class ProfileView(ApiView):
    def get(self, request: Request) -> Response:
        self.actor.require_scope(scopes.READ)
        return Response(serialize_profile(self.actor.person, self.actor))

    def patch(self, request: Request) -> Response:
        changes = validate_body(request, ProfileChanges)
        return Response(serialize_profile(update_profile(self.actor, **changes), self.actor))


@describe_operations("list_activity")
class ActivityView(ApiView):
    def get(self, request: Request) -> Response:
        query = validate_query(request, ActivityQuery)
        events, next_cursor = audit_log.list_events(
            self.actor, client_id=query.get("client_id"), **get_page_arguments(query)
        )
        return build_page_response(request, list(map(serialize_event, events)), next_cursor)
