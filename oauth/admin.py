"""Apps, tokens and grants, for staff: to look at and to end. No secret and no token is stored, so none can be shown."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from oauth2_provider import admin as toolkits

from accounts.actor import Actor, Channel
from accounts.admin_base import StaffAdmin
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.models import AppGrant, Application
from oauth.tokens.families import AccessToken, RefreshToken

for model in list(admin.site._registry):
    if (
        admin.site._registry[model].__module__ == toolkits.__name__
    ):  # it lets staff change addresses and secrets
        admin.site.unregister(model)


@admin.register(Application)
class ApplicationAdmin(StaffAdmin):
    """A superuser marks what an app may ask for; its addresses are for its developer alone to change."""

    list_display = (
        "name",
        "client_id",
        "client_type",
        "registration_source",
        "may_manage",
        "user",
        "created",
    )
    list_filter = ("registration_source", "client_type", "may_manage", "is_resource_server")
    search_fields = ("name", "client_id")
    ordering = ("-created",)
    always_readonly_fields = (
        "name",
        "client_id",
        "client_type",
        "redirect_uris",
        "registration_source",
        "user",
        "created",
    )
    superuser_fields = ("may_manage", "is_resource_server")
    fields = (*always_readonly_fields, *superuser_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        return (
            self.always_readonly_fields
            if request.user.is_superuser
            else (*self.always_readonly_fields, *self.superuser_fields)
        )

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_view_permission(request) and bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_view_permission(request)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """All its tokens and grants go with an app, also what nobody may delete by itself."""
        listed, counts, _missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected


class _TokenAdmin(StaffAdmin):
    actions = ("end",)
    ordering = ("-created",)
    list_select_related = ("user", "application")

    @admin.action(description=_("Revoke"), permissions=["view"])
    def end(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        with transaction.atomic():
            count = self._revoke_selected(chosen, actor_from_request(request, Channel.WEB))
        self.message_user(request, ngettext("%d is revoked.", "%d are revoked.", count) % count)

    def _revoke_selected(self, chosen: QuerySet[Any], by: Actor) -> int:
        raise NotImplementedError


@admin.register(AccessToken)
class AccessTokenAdmin(_TokenAdmin):
    list_display = ("id", "user", "application", "scope", "created", "expires")
    fields = readonly_fields = ("user", "application", "scope", "resource", "created", "expires")

    def _revoke_selected(self, chosen: QuerySet[Any], by: Actor) -> int:
        """With the refresh token beside each, or the app would fetch another one at once."""
        ids = list(chosen.values_list("pk", flat=True))
        RefreshToken.objects.filter(access_token__in=ids, revoked__isnull=True).update(revoked=timezone.now())
        AccessToken.objects.filter(pk__in=ids).delete()
        return len(ids)


@admin.register(RefreshToken)
class RefreshTokenAdmin(_TokenAdmin):
    list_display = ("id", "user", "application", "created", "revoked")
    fields = readonly_fields = ("user", "application", "resource", "token_family", "created", "revoked")

    def _revoke_selected(self, chosen: QuerySet[Any], by: Actor) -> int:
        tokens = list(chosen)
        for family in {token.token_family for token in tokens}:
            RefreshToken.revoke_family(family)
        return len(tokens)


@admin.register(AppGrant)
class AppGrantAdmin(_TokenAdmin):
    list_display = ("id", "user", "application", "scopes", "ends_at", "paused_at", "created_at")
    fields = readonly_fields = ("user", "application", "scopes", "ends_at", "paused_at", "created_at")
    ordering = ("-id",)

    def _revoke_selected(self, chosen: QuerySet[Any], by: Actor) -> int:
        given = list(chosen.select_related("user", "application"))
        for grant in given:
            grants.revoke_grant(grant, by=by)
        return len(given)
