"""Admin pages for users and invitations. Staff can find and close accounts; only superusers change e-mail and roles."""

from typing import Any

from allauth.account.admin import EmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.socialaccount import admin as socialaccount_admin
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.actor import Actor, Channel
from accounts.admin_base import RecordedAdmin, StaffAdmin
from accounts.deletion import service as deletion
from accounts.login import security_notices
from accounts.mail import addresses
from accounts.models import Invitation, QueuedEmail, StaffAction, User

admin.site.unregister(Group)  # roles are flags of the user, so groups are not used
admin.site.unregister(EmailAddress)
for model in (socialaccount_admin.SocialApp, socialaccount_admin.SocialToken, SocialAccount):
    admin.site.unregister(model)  # the provider is in the settings, its tokens are not stored


@admin.register(EmailAddress)
class RecordedEmailAddressAdmin(RecordedAdmin, EmailAddressAdmin):  # type: ignore[misc]
    """allauth's page, for superusers."""


class UserForm(ModelForm):  # type: ignore[type-arg]
    """An account's data. Its e-mail address must not be one that another account confirmed."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        owner = addresses.find_account(email)
        if owner is not None and owner != self.instance:
            raise ValidationError(_("This address belongs to another account."), code="taken")
        return email


@admin.register(User)
class UserAdmin(StaffAdmin):
    form = UserForm
    list_display = ("email", "handle", "is_active", "is_staff", "is_superuser", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "handle", "display_name")
    ordering = ("-date_joined",)
    always_readonly_fields = (
        "handle", "display_name", "bio", "persona_enabled", "time_zone", "language", "page_language",
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
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if "email" in getattr(form, "changed_data", ()):
                formerly = addresses.list_notified_addresses(obj)
                addresses.replace_address(obj)
                security_notices.notify_address_replaced(request, obj, formerly)

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


@admin.register(SocialAccount)
class SocialAccountAdmin(StaffAdmin):
    """Which accounts an identity at the OpenID provider logs in to. Who it is there is encrypted."""

    list_display = ("id", "user", "date_joined", "last_login")
    fields = readonly_fields = ("user", "date_joined", "last_login")
    search_fields = ("user__email",)
    ordering = ("-date_joined",)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Invitation)
class InvitationAdmin(StaffAdmin):
    """View and delete invitations. Only `manage.py invite` shows a link, once."""

    list_display = ("id", "email", "created_at", "expires_at", "used_by", "used_at")
    fields = readonly_fields = ("email", "created_at", "expires_at", "used_by", "used_at")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.has_view_permission(request)


@admin.register(QueuedEmail)
class QueuedEmailAdmin(StaffAdmin):
    """E-mails that wait for the mail server, and why. Never their addresses or texts."""

    list_display = ("id", "kind", "created_at", "attempts", "error", "due_at", "failed_at")
    list_filter = ("kind", "error")
    fields = readonly_fields = (*list_display[1:], "expires_at")
    ordering = ("-created_at",)
    actions = ("send_now",)

    @admin.action(description=_("Send the selected e-mails now"))
    def send_now(self, request: HttpRequest, queryset: QuerySet[QueuedEmail]) -> None:
        count = queryset.filter(failed_at__isnull=True).update(due_at=Now())
        self.message_user(
            request, ngettext("%(n)d e-mail is due.", "%(n)d e-mails are due.", count) % {"n": count}
        )

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(request.user.is_superuser)


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
