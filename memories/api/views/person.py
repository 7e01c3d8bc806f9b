"""The REST API about the person and whoever acts for them."""

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.profile.service import change_profile
from memories import scopes
from memories.api.openapi.schema import operations
from memories.api.persona_stream import answered
from memories.api.representations import event_json, profile_json, whoami_json
from memories.api.requests import ActivityQuery, ProfileChanges, QuestionIn
from memories.api.views.base import ApiView, body_of, page_of, query_of
from memories.api.views.memories import page_asked
from memories.persona import retrieval as persona_retrieval
from memories.services import reads


@operations("ask_persona")
class AskPersona(ApiView):
    def post(self, request: Request, handle: str) -> HttpResponseBase:
        asked = body_of(request, QuestionIn)
        about = persona_retrieval.find(self.actor, handle)
        turns = [persona_retrieval.Turn(turn["role"], turn["text"]) for turn in asked["turns"]]
        return answered(request, persona_retrieval.prepare(self.actor, about, asked["question"], turns))


@operations("whoami")
class Whoami(ApiView):
    def get(self, request: Request) -> Response:
        return Response(whoami_json(self.actor))


@operations("read_profile", "change_profile")
class Profile(ApiView):
    def get(self, request: Request) -> Response:
        self.actor.require(scopes.READ)
        return Response(profile_json(self.actor.person, self.actor))

    def patch(self, request: Request) -> Response:
        changes = body_of(request, ProfileChanges)
        return Response(profile_json(change_profile(self.actor, **changes), self.actor))


@operations("list_activity")
class Activity(ApiView):
    def get(self, request: Request) -> Response:
        asked = query_of(request, ActivityQuery)
        page = reads.activity(self.actor, client_id=asked.get("client_id"), **page_asked(asked))
        return page_of(request, list(map(event_json, page.events)), page.next)
