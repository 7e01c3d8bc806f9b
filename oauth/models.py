"""Apps, what people allowed them, and what keeps their tokens honest. The tokens' own tables are the toolkit's."""

import re
from typing import ClassVar
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication

from accounts.ids import new_id
from accounts.models import User
from core.hosts import LOOPBACK_HOSTS_IN_URLS
from oauth import client_names, client_secrets
from oauth.error_hints import ErrorHint, get_error_hint

# RFC 8252 7.3: an app on the person's own machine listens on whatever port is free. `localhost` for those that use it.
LOOPBACK = re.compile(
    rf"(http://(?:{'|'.join(map(re.escape, LOOPBACK_HOSTS_IN_URLS))}))(?::\d{{1,5}})?(/[^\s]*|)"
)
# RFC 3986 2. What is no part of an address browsers read as they like, and letters of other scripts look like ours.
ADDRESS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
# With a port; no escapes, which hide dots.
HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
REDIRECT_URI_CHARACTERS = 2_000
REDIRECT_URIS = 20


class Application(AbstractApplication, models.Model):  # type: ignore[misc]
    """An app that asks people for access (OAuth: a client). It can do nothing on its own behalf."""

    client_secret = client_secrets.ClientSecretField(
        max_length=255, blank=True, default=client_secrets.new_secret, editable=False
    )
    previous_secret = models.CharField(max_length=255, blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    may_manage = models.BooleanField(
        _("may manage"), default=False, help_text=_("May ask to delete for ever, export and change in bulk.")
    )
    is_resource_server = models.BooleanField(
        _("resource server"), default=False, help_text=_("May introspect the tokens of all apps.")
    )

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        constraints = [
            # RFC 9700 2.1.2, 2.4: neither implicit nor password; and no app acts without a person.
            models.CheckConstraint(
                condition=Q(authorization_grant_type="authorization-code"), name="app_asks_for_a_code"
            ),
            models.CheckConstraint(condition=Q(skip_authorization=False), name="app_asks_the_person"),
        ]

    def __str__(self) -> str:
        return str(self.name or self.client_id)

    @property
    def is_self_registered(self) -> bool:
        """Nobody here has looked at it: its name and address are its own words."""
        return bool(self.registration_source != self.RegistrationSource.MANUAL)

    @property
    def is_verified(self) -> bool:
        """Whether somebody who answers for this server has looked at it: the operator by command, or staff whose it is.

        Anybody may sign up and register an app in the console, so an ordinary person's own is checked by nobody.
        """
        if self.is_self_registered:
            return False
        return self.user is None or bool(self.user.is_active and self.user.is_staff)

    @property
    def is_public(self) -> bool:
        return bool(self.client_type == self.CLIENT_PUBLIC)

    def redirect_uri_allowed(self, uri: str) -> bool:
        """RFC 9700 2.1: compared as exact strings, only the port of a loopback address is free."""
        registered: list[str] = self.redirect_uris.split()
        return uri in registered or (
            _strip_loopback_port(uri) is not None
            and _strip_loopback_port(uri) in map(_strip_loopback_port, registered)
        )

    def check_client_secret(self, secret: str) -> bool:
        """The secret, or the one before it while both hold."""
        if client_secrets.verify_secret(secret, self.client_secret):
            return True
        until = self.previous_secret_until
        return (
            until is not None
            and until > timezone.now()
            and client_secrets.verify_secret(secret, self.previous_secret)
        )

    def clean(self) -> None:
        super().clean()
        if fault := client_names.get_name_error(self.name):
            raise ValidationError({"name": fault})
        uris = self.redirect_uris.split()
        if not uris or len(uris) > REDIRECT_URIS or any(len(uri) > REDIRECT_URI_CHARACTERS for uri in uris):
            raise ValidationError({"redirect_uris": _("Give 1 to 20 addresses of at most 2,000 characters.")})
        if any("@" in urlsplit(uri).netloc for uri in uris):
            raise ValidationError({"redirect_uris": _("An address holds no user name.")})
        if not all(ADDRESS.fullmatch(uri) for uri in uris):
            raise ValidationError(
                {
                    "redirect_uris": _(
                        "An address is plain ASCII: a host of other letters as xn--, all else as % escapes."
                    )
                }
            )
        if any(is_web_uri(uri) and not HOST.fullmatch(urlsplit(uri).netloc) for uri in uris):
            raise ValidationError(
                {
                    "redirect_uris": _(
                        "A host is of letters, digits, dots and hyphens, with or without a port."
                    )
                }
            )
        if any(urlsplit(uri).scheme == "http" and not is_loopback_uri(uri) for uri in uris):
            raise ValidationError(
                {"redirect_uris": _("http is only for addresses of one's own machine; use https.")}
            )


class AppGrant(models.Model):
    """What a person allowed an app, narrowed as they chose. Without this row no token of the app's is worth anything.

    only_tags: ids of the tags whose memories it may see; None for all. ends_at: None for until it is taken back.
    asks_first: what it adds or changes waits for the person's yes.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="app_grants", editable=False)
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="grants", editable=False
    )
    scopes = ArrayField(models.CharField(max_length=40))
    only_tags = ArrayField(models.UUIDField(), null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    asks_first = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    consented_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "application"], name="one_grant_an_app")]

    def __str__(self) -> str:
        return f"grant {self.pk}"

    @property
    def has_ended(self) -> bool:
        return self.ends_at is not None and self.ends_at <= timezone.now()


class TokenFamily(models.Model):
    """All tokens that came of one code, one after the other. Its id is made of the code (oauth/tokens/families.py)."""

    id = models.UUIDField(primary_key=True, editable=False)
    began_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[models.Manager["TokenFamily"]] = models.Manager()

    def __str__(self) -> str:
        return f"family {self.pk}"


class RotationReceipt(models.Model):
    """The answer to a refresh, for a client that did not get it and asks again (oauth/tokens/refresh_retry.py).

    Sealed under a key that only the old refresh token gives, so the row alone opens nothing.
    """

    digest = models.BinaryField(primary_key=True, max_length=32, editable=False)
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="+", editable=False)
    sealed = models.BinaryField(editable=False)
    successor = models.CharField(max_length=64, editable=False)  # checksum of the refresh token in the answer
    expires_at = models.DateTimeField(editable=False, db_index=True)

    def __str__(self) -> str:
        return "receipt"


class Mistake(models.Model):
    """How often an app made one kind of invalid request (oauth/diagnostics/client_errors.py). Names no user."""

    pk = models.CompositePrimaryKey("application", "kind")
    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="mistakes", editable=False
    )
    kind = models.CharField(max_length=30, editable=False)  # of oauth/error_hints.py
    times = models.PositiveIntegerField(editable=False)
    first_at = models.DateTimeField(editable=False)
    last_at = models.DateTimeField(editable=False)

    objects: ClassVar[models.Manager["Mistake"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.kind}, {self.times}"

    @property
    def error_hint(self) -> ErrorHint:
        return get_error_hint(self.kind)


def is_web_uri(uri: str) -> bool:
    return urlsplit(uri).scheme in ("http", "https")


def is_loopback_uri(uri: str) -> bool:
    return _strip_loopback_port(uri) is not None


def _strip_loopback_port(uri: str) -> tuple[str, str] | None:
    match = LOOPBACK.fullmatch(uri)
    return (match[1], match[2]) if match else None
