"""Admin pages for users and invitations. Staff can find and close accounts; only superusers change e-mail and roles."""

from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from accounts.actor import Actor, Channel
from accounts.admin_base import RecordedAdmin, StaffAdmin
from accounts.deletion import service as deletion
from accounts.models import Invitation, StaffAction, User

admin.site.unregister(Group)  # roles are flags of the user, so groups are not used
admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class RecordedEmailAddressAdmin(RecordedAdmin, EmailAddressAdmin):  # type: ignore[misc]
    """allauth's page, for superusers."""


@admin.register(User)
class UserAdmin(StaffAdmin):
    list_display = ("email", "handle", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "handle", "display_name")
    ordering = ("-date_joined",)
    always_readonly_fields = (
        "handle", "display_name", "bio", "persona_enabled", "time_zone", "language",
        "date_joined", "last_login", "delete_at",
    )  # fmt: skip
    superuser_fields = ("email", "is_staff", "is_superuser")
    fields = ("email", "is_active", "is_staff", "is_superuser", *always_readonly_fields)

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        # Whoever can change an e-mail address or a role can take over the account.
        return (
            self.always_readonly_fields
            if request.user.is_superuser
            else (*self.always_readonly_fields, *self.superuser_fields)
        )

    def save_model(self, request: HttpRequest, obj: User, form: object, change: bool) -> None:
        if obj.is_active and obj.delete_at is not None:
            assert isinstance(request.user, User)  # noqa: S101  (staff)
            deletion.restore_account(obj.pk, by=Actor(user=request.user, door=Channel.WEB))
            obj.delete_at = None
        super().save_model(request, obj, form, change)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not self.has_view_permission(request):
            return False
        return bool(request.user.is_superuser) or obj is None or not (obj.is_staff or obj.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and (obj is None or obj.pk != request.user.pk)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Allow deleting a user with all related rows, including those without a delete permission of their own."""
        listed, counts, _missing, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected


@admin.register(Invitation)
class InvitationAdmin(StaffAdmin):
    """View and delete invitations. Only `manage.py invite` shows a link, once."""

    list_display = ("id", "email", "created_at", "expires_at", "used_by", "used_at")
    fields = readonly_fields = ("email", "created_at", "expires_at", "used_by", "used_at")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_view_permission(request)


@admin.register(StaffAction)
class StaffActionAdmin(StaffAdmin):
    """What staff did to whom, for superusers."""

    list_display = ("happened_at", "staff_id", "action", "kind", "person_id", "fields")
    list_filter = ("action", "kind")
    search_fields = ("=staff_id", "=person_id")
    fields = readonly_fields = (
        "happened_at", "staff_id", "action", "kind", "person_id", "object_ids", "fields"
    )  # fmt: skip
    ordering = ("-id",)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_view_permission(request, obj) and bool(request.user.is_superuser)
