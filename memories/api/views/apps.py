"""Views for connected apps; they require the user's own session."""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.openapi.schema import describe_operations
from memories.api.representations import serialize_app
from memories.api.requests import AppChanges
from memories.api.views.base import ApiView, validate_body
from memories.clients import activity as client_activity
from oauth.access import grants
from oauth.models import AppGrant


@describe_operations("list_apps")
class AppListView(ApiView):
    def get(self, request: Request) -> Response:
        usage = client_activity.get_usage_by_app(self.actor)
        return Response(
            {"results": [serialize_app(grant, usage) for grant in grants.list_grants(self.actor)]}
        )


@describe_operations("read_app", "change_app", "disconnect_app")
class AppDetailView(ApiView):
    def get(self, request: Request, grant_id: UUID) -> Response:
        return self._build_response(grants.get_grant(self.actor, grant_id))

    def patch(self, request: Request, grant_id: UUID) -> Response:
        changes = validate_body(request, AppChanges)
        with transaction.atomic():
            grant = grants.get_grant(self.actor, grant_id, for_update=True)
            self._apply_changes(grant, **changes)
        return self._build_response(grant)

    def delete(self, request: Request, grant_id: UUID) -> Response:
        grants.revoke_grant(grants.get_grant(self.actor, grant_id), by=self.actor)
        return Response(status=204)

    def _apply_changes(self, grant: AppGrant, paused: bool | None = None, **options: Any) -> None:
        if options:
            current: dict[str, Any] = {
                "scopes": grant.scopes,
                "only_tags": grant.only_tags,
                "ends_at": grant.ends_at,
                "asks_first": grant.asks_first,
            }
            if options.get("only_tags"):
                client_activity.validate_tag_ids(self.actor, options["only_tags"])
            merged = current | options
            tags = None if merged["only_tags"] is None else frozenset(merged["only_tags"])
            grant_options = grants.GrantOptions(
                frozenset(merged["scopes"]), tags, merged["ends_at"], merged["asks_first"]
            )
            grants.update_grant(grant, grant_options, by=self.actor)
        if paused is not None and paused != (grant.paused_at is not None):
            (grants.pause_grant if paused else grants.resume_grant)(grant, by=self.actor)

    def _build_response(self, grant: AppGrant) -> Response:
        return Response(serialize_app(grant, client_activity.get_usage_by_app(self.actor)))


@describe_operations("forget_written_by_app")
class TrashAppMemoriesView(ApiView):
    def post(self, request: Request, grant_id: UUID) -> Response:
        grant = grants.get_grant(self.actor, grant_id)
        return Response(
            {"trashed": client_activity.trash_memories_by_app(self.actor, grant.application.client_id)}
        )
