"""The REST API about the apps that a person connected; for their own session only."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import operations
from memories.api.representations import app_json
from memories.api.requests import AppChanges
from memories.api.views.base import ApiView, body_of
from memories.clients import activity as client_activity
from oauth.access import grants
from oauth.models import AppGrant


@operations("list_apps")
class Apps(ApiView):
    def get(self, request: Request) -> Response:
        connected = grants.connected(self.actor)
        use = client_activity.use_by_app(self.actor)
        return Response({"results": [app_json(grant, use) for grant in connected]})


@operations("read_app", "change_app", "disconnect_app")
class OneApp(ApiView):
    def get(self, request: Request, grant_id: UUID) -> Response:
        return self._answer(grants.one_of(self.actor, grant_id))

    def patch(self, request: Request, grant_id: UUID) -> Response:
        changes = body_of(request, AppChanges)
        with transaction.atomic():
            grant = grants.one_of(self.actor, grant_id, for_update=True)
            self._change(grant, **changes)
        return self._answer(grant)

    def delete(self, request: Request, grant_id: UUID) -> Response:
        grants.revoke(grants.one_of(self.actor, grant_id), by=self.actor)
        return Response(status=204)

    def _change(self, grant: AppGrant, paused: bool | None = None, **narrowing: Any) -> None:
        if narrowing:
            present: dict[str, Any] = {
                "scopes": grant.scopes,
                "only_tags": grant.only_tags,
                "ends_at": grant.ends_at,
            }
            present["asks_first"] = grant.asks_first
            asked = present | narrowing
            if narrowing.get("only_tags"):
                client_activity.check_tags(self.actor, narrowing["only_tags"])
            tags = None if asked["only_tags"] is None else frozenset(asked["only_tags"])
            chosen = grants.Narrowing(frozenset(asked["scopes"]), tags, asked["ends_at"], asked["asks_first"])
            grants.narrow(grant, chosen, by=self.actor)
        if paused is not None and paused != (grant.paused_at is not None):
            (grants.pause if paused else grants.resume)(grant, by=self.actor)

    def _answer(self, grant: AppGrant) -> Response:
        return Response(app_json(grant, client_activity.use_by_app(self.actor)))


@operations("forget_written_by_app")
class ForgetWritten(ApiView):
    def post(self, request: Request, grant_id: UUID) -> Response:
        grant = grants.one_of(self.actor, grant_id)
        return Response(
            {"trashed": client_activity.forget_written_by(self.actor, grant.application.client_id)}
        )
