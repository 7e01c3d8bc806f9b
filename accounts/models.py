"""People, the keys that open their texts, and invitations."""

import secrets
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.fields import StrictEncryptedTextField
from accounts.ids import new_id

RESERVED_HANDLES = frozenset(
    {"me", "admin", "api", "mcp", "oauth", "accounts", "memories", "support", "picard"}
)
GENERATED_HANDLE_PREFIX = "person-"
HANDLE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that reads like something else


def new_handle() -> str:
    """A handle that says nothing about the person; they may choose another."""
    return GENERATED_HANDLE_PREFIX + "".join(secrets.choice(HANDLE_ALPHABET) for _ in range(8))


def validate_handle_is_free_to_take(handle: str) -> None:
    if handle in RESERVED_HANDLES:
        raise ValidationError(_("This handle is reserved."), code="reserved")


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(
            _("Choose a time zone from the list, such as Europe/Berlin."), code="unknown_zone"
        )


class UserManager(BaseUserManager["User"]):
    """Makes people; an e-mail address is stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        if not email:
            raise ValueError("A person needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Roles: a person; staff (`is_staff`: the admin site, never a text); superuser."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    handle = models.CharField(
        _("handle"),
        max_length=30,
        unique=True,
        default=new_handle,
        validators=[
            RegexValidator(
                r"\A[a-z0-9](?:[a-z0-9-]{1,28}[a-z0-9])\Z", _("3 to 30 small letters, digits and hyphens.")
            ),
            validate_handle_is_free_to_take,
        ],
        help_text=_("3 to 30 small letters, digits and hyphens. Others find your persona by it."),
    )
    display_name = models.CharField(_("display name"), max_length=80, blank=True)
    bio = models.CharField(_("short bio"), max_length=300, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )
    persona_enabled = models.BooleanField(
        _("persona"),
        default=False,
        help_text=_("Others may ask your persona. It answers from your public memories only."),
    )
    public_page_enabled = models.BooleanField(_("public persona page"), default=False)
    # The host they said yes to. Another one, when the settings change, has to be asked for anew.
    chat_provider = models.CharField(_("who may word answers"), max_length=255, blank=True, editable=False)
    # Likewise for the texts of their memories, where these are embedded elsewhere.
    embedding_provider = models.CharField(
        _("who may embed memories"), max_length=255, blank=True, default="", db_default="", editable=False
    )
    shortcuts_enabled = models.BooleanField(
        _("keyboard shortcuts"),
        default=True,
        db_default=True,
        help_text=_("The key ? lists them. They rest while you type."),
    )
    first_steps_hidden = models.BooleanField(
        _("first steps hidden"), default=False, db_default=False, editable=False
    )
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    # When a closed account is deleted for ever, if its person closed it (accounts/deletion/service.py).
    delete_at = models.DateTimeField(_("to be deleted"), null=True, blank=True, editable=False)
    # Part of what every session must match: another number ends them all (accounts/sessions/revocation.py).
    sessions_era = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_person_an_email"),
            models.CheckConstraint(
                condition=Q(delete_at__isnull=True) | Q(is_active=False), name="closed_before_deleted"
            ),
        ]
        indexes = [
            models.Index(fields=["delete_at"], name="person_to_delete", condition=Q(delete_at__isnull=False))
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What to call this person on a page."""
        return self.display_name or f"@{self.handle}"

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; UTC where this machine does not know it: another one may have, when it was chosen."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        if not self.sessions_era:  # Django's own: sessions that began before there was an era go on
            return super()._get_session_auth_hash(secret=secret)  # type: ignore[misc,no-any-return]
        said = f"{self.sessions_era}:{self.password}"
        return salted_hmac("accounts.session", said, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class PersonKey(models.Model):
    """One person's data key, wrapped by the master keys. Deleting the row makes their texts unreadable."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="data_key")
    wrapped = StrictEncryptedTextField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"data key of {self.user_id}"


class ServerKey(models.Model):
    """The server's own data key: for the words of public memories, and to prove that the master keys fit.

    One row (id 1), made at the first start. When it does not open, the configured master keys are not those of
    this database, and nothing may be written.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    wrapped = StrictEncryptedTextField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_server_key")]

    def __str__(self) -> str:
        return "server key"


class Invitation(models.Model):
    """A right to sign up once. Only the digest of its secret is stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    secret_digest = models.BinaryField(max_length=32, unique=True, editable=False)
    email = models.EmailField(blank=True, help_text=_("Empty: whoever holds the link."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"invitation {self.id}"
