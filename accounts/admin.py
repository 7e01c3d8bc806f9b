"""People, for staff: to find and to close an account. E-mail, password and roles change only by a superuser's hand."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from accounts.models import Invitation, User

admin.site.unregister(Group)  # roles are three flags; groups would be a second way


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("email", "handle", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "handle", "display_name")
    ordering = ("-date_joined",)
    fields = (
        "email", "handle", "display_name", "bio", "persona_enabled", "time_zone",
        "is_active", "is_staff", "is_superuser", "date_joined", "last_login",
    )  # fmt: skip
    own_words = ("handle", "display_name", "bio", "persona_enabled", "time_zone", "date_joined", "last_login")
    for_superusers = ("email", "is_staff", "is_superuser")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Whoever may change an address or a role can become that person.
        return self.own_words if request.user.is_superuser else (*self.own_words, *self.for_superusers)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people sign up, or are invited: nobody else should know a password

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser) and (obj is None or obj.pk != request.user.pk)


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("id", "email", "created_at", "expires_at", "used_by", "used_at")
    readonly_fields = ("email", "created_at", "expires_at", "used_by", "used_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the link is shown once, by `manage.py invite`
