"""Admin pages for apps, tokens and grants: view and revoke. Secrets and tokens are stored hashed, so none is shown."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from oauth2_provider import admin as toolkit_admin

from accounts.actor import Actor, Channel
from accounts.admin_base import StaffAdmin
from oauth.access import grants
from oauth.access.request_actor import actor_from_request
from oauth.models import AppGrant, Application
from oauth.tokens.families import AccessToken, RefreshToken

for model in list(admin.site._registry):
    # The toolkit's pages let staff change redirect URIs and secrets.
    if admin.site._registry[model].__module__ == toolkit_admin.__name__:
        admin.site.unregister(model)


@admin.register(Application)
class ApplicationAdmin(StaffAdmin):
    """Superusers set which scopes an app can request. Only its developer can change its redirect URIs."""

    list_display = (
        "name",
        "client_id",
        "client_type",
        "registration_source",
        "is_personal_token",
        "may_manage",
        "user",
        "created",
    )
    list_filter = (
        "is_personal_token",
        "registration_source",
        "client_type",
        "may_manage",
        "is_resource_server",
    )
    search_fields = ("name", "client_id")
    ordering = ("-created",)
    always_readonly_fields = (
        "name",
        "client_id",
        "client_type",
        "redirect_uris",
        "device_flow",
        "registration_source",
        "is_personal_token",
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
        """Allow deleting an app with all related rows, including those without a delete permission of their own."""
        listed, counts, _missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected


class _TokenAdmin(StaffAdmin):
    actions = ("end",)
    ordering = ("-created",)
    list_select_related = ("user", "application")

    @admin.action(description=_("Revoke"), permissions=["view"])
    def end(self, request: HttpRequest, selected: QuerySet[Any]) -> None:
        with transaction.atomic():
            count = self._revoke_selected(selected, actor_from_request(request, Channel.WEB))
        self.message_user(
            request, ngettext("Revoked %(n)d item.", "Revoked %(n)d items.", count) % {"n": count}
        )

    def _revoke_selected(self, selected: QuerySet[Any], by: Actor) -> int:
        raise NotImplementedError


@admin.register(AccessToken)
class AccessTokenAdmin(_TokenAdmin):
    list_display = ("id", "user", "application", "scope", "created", "expires")
    list_filter = ("application__is_personal_token",)
    fields = readonly_fields = ("user", "application", "scope", "resource", "created", "expires")

    def _revoke_selected(self, selected: QuerySet[Any], by: Actor) -> int:
        """Revoke the refresh tokens too, or the apps would get new access tokens at once."""
        ids = list(selected.values_list("pk", flat=True))
        RefreshToken.objects.filter(access_token__in=ids, revoked__isnull=True).update(revoked=timezone.now())
        AccessToken.objects.filter(pk__in=ids).delete()
        return len(ids)


@admin.register(RefreshToken)
class RefreshTokenAdmin(_TokenAdmin):
    list_display = ("id", "user", "application", "created", "revoked")
    fields = readonly_fields = ("user", "application", "resource", "token_family", "created", "revoked")

    def _revoke_selected(self, selected: QuerySet[Any], by: Actor) -> int:
        tokens = list(selected)
        for family in {token.token_family for token in tokens}:
            RefreshToken.revoke_family(family)
        return len(tokens)


@admin.register(AppGrant)
class AppGrantAdmin(_TokenAdmin):
    list_display = ("id", "user", "application", "scopes", "ends_at", "paused_at", "created_at", "used_at")
    list_filter = ("application__is_personal_token",)
    fields = readonly_fields = (
        "user",
        "application",
        "scopes",
        "ends_at",
        "paused_at",
        "created_at",
        "used_at",
    )
    ordering = ("-id",)

    def _revoke_selected(self, selected: QuerySet[Any], by: Actor) -> int:
        selected_grants = list(selected.select_related("user", "application"))
        for grant in selected_grants:
            grants.revoke_grant(grant, by=by)
        return len(selected_grants)
