"""Apps, users' grants, token families and rotation receipts. The tables of tokens are the toolkit's."""

from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication

from accounts.ids import new_id
from accounts.models import User
from oauth import client_names, client_secrets
from oauth.error_hints import ErrorHint, get_error_hint
from oauth.redirect_uris import (
    get_redirect_target,
    get_redirect_uris_error,
    is_redirect_uri_allowed,
)
from oauth.settings import DEVICE_GRANT, POLL_INTERVAL_S


class Application(AbstractApplication, models.Model):  # type: ignore[misc]
    """An app (OAuth client) that requests access from users. It cannot act without a user."""

    client_secret = client_secrets.ClientSecretField(
        max_length=255, blank=True, default=client_secrets.new_secret, editable=False
    )
    previous_secret = models.CharField(max_length=255, blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    may_manage = models.BooleanField(
        _("can request memories:admin"),
        default=False,
        help_text=_("Can request scopes to delete permanently, export and edit in bulk."),
    )
    # When a user last disconnected it. Self-registered apps are purged a week later (oauth/registration/dynamic.py).
    disconnected_at = models.DateTimeField(null=True, blank=True, editable=False)
    is_resource_server = models.BooleanField(
        _("resource server"), default=False, help_text=_("May introspect the tokens of all apps.")
    )

    # Whether it stands for a user's personal access token (oauth/personal). It is no client: find_client ignores it.
    is_personal_token = models.BooleanField(default=False, db_default=False, editable=False)
    # The network that registered the app, to restore its rate limit when the first user connects the app.
    registered_from = models.CharField(max_length=45, blank=True, default="", db_default="", editable=False)

    # Whether it can also ask by a code that the user enters (RFC 8628). Not every app can: anybody can use the client
    # id of a public one, to send a user a code of their own.
    device_flow = models.BooleanField(_("device flow"), default=False, db_default=False, editable=False)

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        constraints = [
            # RFC 9700 2.1.2, 2.4: no implicit and no password grant; and no app acts without a user's consent. An app
            # without redirect URIs has the device grant alone.
            models.CheckConstraint(
                condition=Q(authorization_grant_type__in=["authorization-code", DEVICE_GRANT]),
                name="app_asks_for_a_code",
            ),
            models.CheckConstraint(condition=Q(skip_authorization=False), name="app_asks_the_person"),
            models.CheckConstraint(
                condition=Q(is_personal_token=False)
                | Q(user__isnull=False, redirect_uris="", client_secret="", previous_secret=""),
                name="personal_token_is_no_client",
            ),
        ]

    def __str__(self) -> str:
        return str(self.name or self.host)

    @classmethod
    def find_client(cls, client_id: str | None) -> "Application | None":
        """Return the client with this id, which may be any text; None also for a personal access token."""
        if not client_id or "\0" in client_id:  # PostgreSQL rejects NUL
            return None
        clients = cls.objects.filter(is_personal_token=False).select_related("user")  # for is_verified
        client: Application | None = clients.filter(client_id=client_id).first()
        return client

    @property
    def host(self) -> str:
        """What an app without a name is called: the host of its metadata document or of its first redirect URI.

        An app for devices alone has neither.
        """
        redirect_targets = map(get_redirect_target, self.redirect_uris.split())
        return self.metadata_host or next(redirect_targets, gettext("Unnamed device"))

    @property
    def metadata_host(self) -> str:
        """The host of the client's metadata document, empty if it has none."""
        has_document = self.registration_source == self.RegistrationSource.CIMD
        return str(urlsplit(self.client_id).hostname) if has_document else ""

    @property
    def is_self_registered(self) -> bool:
        """Whether the app registered itself, so that nobody has checked its name and redirect URIs."""
        return bool(self.registration_source != self.RegistrationSource.MANUAL)

    @property
    def is_verified(self) -> bool:
        """Whether the operator (by command) or a member of staff registered the app.

        Any user can register apps in the console, so nobody has checked those of other users.
        """
        if self.is_self_registered:
            return False
        return self.user is None or bool(self.user.is_active and self.user.is_staff)

    def is_unverified_for(self, person: User) -> bool:
        """Return whether neither the operator nor staff nor the user themself registered the app."""
        return not self.is_verified and self.user_id != person.pk

    @property
    def is_public(self) -> bool:
        return bool(self.client_type == self.CLIENT_PUBLIC)

    @property
    def grant_types(self) -> list[str]:
        """The grant types with the names of RFC 7591 2."""
        first = [] if self.authorization_grant_type == self.GRANT_DEVICE_CODE else ["authorization_code"]
        return [*first, "refresh_token", *([DEVICE_GRANT] if self.has_device_grant else [])]

    @property
    def has_device_grant(self) -> bool:
        return self.allows_grant_type(self.GRANT_DEVICE_CODE)

    def set_redirection(self, redirect_uris: Iterable[str], *, device_flow: bool) -> None:
        """Set how users reach the app's request: by a redirect, by a code that they enter, or both."""
        self.redirect_uris, self.device_flow = " ".join(redirect_uris), device_flow
        is_device_only = device_flow and not self.redirect_uris
        self.authorization_grant_type = (
            self.GRANT_DEVICE_CODE if is_device_only else self.GRANT_AUTHORIZATION_CODE
        )

    def allows_grant_type(self, *grant_types: str) -> bool:
        return self.authorization_grant_type in grant_types or (
            self.device_flow and self.GRANT_DEVICE_CODE in grant_types
        )

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Return whether the URI is registered: by exact match, except for the port of loopback URIs (RFC 9700 2.1)."""
        return is_redirect_uri_allowed(uri, self.redirect_uris.split())

    def check_client_secret(self, secret: str) -> bool:
        """Return whether it is the current secret, or the previous one while that is still valid."""
        if client_secrets.verify_secret(secret, self.client_secret):
            return True
        until = self.previous_secret_until
        return (
            until is not None
            and until > timezone.now()
            and client_secrets.verify_secret(secret, self.previous_secret)
        )

    def clean(self) -> None:
        """Check name and redirect URIs, not with the toolkit's rules: they do not know private-use schemes."""
        if name_error := client_names.get_name_error(self.name):
            raise ValidationError({"name": name_error})
        uris, needs_none = self.redirect_uris.split(), self.has_device_grant or self.is_personal_token
        if (uris or not needs_none) and (error := get_redirect_uris_error(uris)):
            raise ValidationError({"redirect_uris": error})


class AppGrant(models.Model):
    """The access that a user granted an app. Without this row the app's tokens are invalid.

    only_tags: ids of the tags whose memories it can access; None for all. ends_at: None for no expiry.
    asks_first: whether the app's changes need the user's approval. declined_scopes: what it requested, but the user
    did not allow or has withdrawn. consented_name: what the app was called when the user allowed it. used_at: when a
    personal access token was last used, to within oauth.tokens.bearer.USE_RECORDED_EVERY.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="app_grants", editable=False)
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="grants", editable=False
    )
    consented_name = models.CharField(max_length=255, default="", db_default="", blank=True)
    scopes = ArrayField(models.CharField(max_length=40))
    declined_scopes = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
    only_tags = ArrayField(models.UUIDField(), null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    asks_first = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    consented_at = models.DateTimeField(default=timezone.now, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "application"], name="one_grant_an_app")]

    def __str__(self) -> str:
        return f"grant {self.pk}"

    @property
    def name(self) -> str:
        """The name of the app that the user allowed, whatever it calls itself since."""
        return self.consented_name or str(self.application)

    @property
    def new_name(self) -> str:
        """What the app calls itself since, empty if that is the same."""
        return "" if str(self.application) == self.name else str(self.application)

    @property
    def has_ended(self) -> bool:
        return self.ends_at is not None and self.ends_at <= timezone.now()


class DeviceAuthorization(models.Model):
    """What a device asked for (RFC 8628), until it gets its tokens. Both codes are stored as digests.

    user: who allowed it. scope: what the app requested, once allowed what the user granted. requested_from: the network
    of the device.
    """

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        ALLOWED = "allowed", _("Allowed")
        DENIED = "denied", _("Declined")

    digest = models.CharField(max_length=64, unique=True, editable=False)
    user_code_digest = models.CharField(max_length=64, unique=True, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", null=True, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING, editable=False)
    scope = models.TextField(editable=False)
    resource = models.JSONField(editable=False)
    requested_from = models.CharField(max_length=45, editable=False)
    interval_s = models.PositiveSmallIntegerField(default=POLL_INTERVAL_S, editable=False)
    polled_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(editable=False, db_index=True)

    objects: ClassVar[models.Manager["DeviceAuthorization"]] = models.Manager()

    def __str__(self) -> str:
        return f"device authorization {self.pk}"


class TokenFamily(models.Model):
    """All tokens issued from one code, of an authorization or a device. Its id is derived from it (tokens/families.py).

    scope: what the user granted, which a refresh can narrow for one access token. Empty in families of version 0.2.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    scope = models.TextField(default="", db_default="", editable=False)
    began_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[models.Manager["TokenFamily"]] = models.Manager()

    def __str__(self) -> str:
        return f"family {self.pk}"


class RotationReceipt(models.Model):
    """The response to a refresh, for clients that retry because they did not receive it (oauth.tokens.refresh_retry).

    Encrypted with a key derived from the old refresh token, so the row alone cannot be decrypted.
    """

    digest = models.BinaryField(primary_key=True, max_length=32, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", editable=False)
    sealed = models.BinaryField(editable=False)
    successor = models.CharField(
        max_length=64, editable=False
    )  # checksum of the refresh token in the response
    expires_at = models.DateTimeField(editable=False, db_index=True)

    def __str__(self) -> str:
        return "receipt"


class Mistake(models.Model):
    """How often an app made one kind of invalid request (oauth/diagnostics/client_errors.py). Names no user."""

    pk = models.CompositePrimaryKey("application", "kind")
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="mistakes", editable=False
    )
    kind = models.CharField(max_length=30, editable=False)  # oauth.error_hints.ErrorKind
    times = models.PositiveIntegerField(editable=False)
    first_at = models.DateTimeField(editable=False)
    last_at = models.DateTimeField(editable=False)

    objects: ClassVar[models.Manager["Mistake"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.kind}, {self.times}"

    @property
    def error_hint(self) -> ErrorHint:
        return get_error_hint(self.kind)
