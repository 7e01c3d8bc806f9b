"""Users, the keys of their texts, invitations, and the record of what staff did."""

import secrets
from collections.abc import Collection
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from django.apps import apps
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
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
from core import languages
from core.visible_text import clean_text
from core.web import page_language

RESERVED_HANDLES = frozenset(
    {"me", "admin", "api", "mcp", "oauth", "accounts", "memories", "support", "picard"}
)
GENERATED_HANDLE_PREFIX = "person-"
HANDLE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # without characters that look alike
MAX_NAME_CHARACTERS = 80
MAX_BIO_CHARACTERS = 300


def new_handle() -> str:
    """Return a random handle that reveals nothing about the user, who can change it."""
    return GENERATED_HANDLE_PREFIX + "".join(secrets.choice(HANDLE_ALPHABET) for _ in range(8))


def validate_handle_is_free_to_take(handle: str) -> None:
    if handle in RESERVED_HANDLES:
        raise ValidationError(_("This handle is reserved."), code="reserved")


def validate_time_zone(name: str) -> None:
    if name not in available_timezones():
        raise ValidationError(
            _("Choose a time zone from the list, such as Europe/Berlin."), code="unknown_zone"
        )


def validate_language(code: str) -> None:
    if code not in languages.CODES:
        raise ValidationError(_("Choose a language from the list."), code="unknown_language")


def validate_page_language(code: str) -> None:
    if code not in dict(settings.LANGUAGES):
        raise ValidationError(_("Choose a language from the list."), code="unknown_language")


class UserManager(BaseUserManager["User"]):
    """Creates users. E-mail addresses are stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        if not email:
            raise ValueError("E-mail address is required.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A user. Roles: user; staff (`is_staff`: can use the admin site, but never sees texts); superuser."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    handle = models.CharField(
        _("handle"),
        max_length=30,
        unique=True,
        default=new_handle,
        validators=[
            RegexValidator(
                r"\A[a-z0-9](?:[a-z0-9-]{1,28}[a-z0-9])\Z",
                _("Use 3 to 30 lowercase letters (a-z), digits and hyphens."),
            ),
            validate_handle_is_free_to_take,
        ],
        help_text=_("3 to 30 lowercase letters (a-z), digits and hyphens. Others find your persona by it."),
    )
    display_name = models.CharField(_("display name"), max_length=MAX_NAME_CHARACTERS, blank=True)
    bio = models.CharField(_("short bio"), max_length=MAX_BIO_CHARACTERS, blank=True)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )
    # The code of core/languages.py; empty: not chosen, SEARCH_LANGUAGE holds. Use `language_code` to read it.
    language = models.CharField(
        _("language"), max_length=16, blank=True, default="", db_default="", validators=[validate_language]
    )
    # Of pages and e-mails (core/web/page_language.py); empty: that of the browser.
    page_language = models.CharField(
        _("language of pages"),
        max_length=16,
        blank=True,
        default="",
        db_default="",
        validators=[validate_page_language],
    )
    # The codes by which some memories are still indexed, separated by spaces (memories/index/moves.py).
    former_languages = models.CharField(max_length=300, blank=True, default="", db_default="", editable=False)
    persona_enabled = models.BooleanField(
        _("persona"),
        default=False,
        help_text=_("Others can ask your persona. It answers from your public memories only."),
    )
    public_page_enabled = models.BooleanField(_("public persona page"), default=False)
    # The host that the user consented to. When the settings name another one, it needs new consent.
    chat_provider = models.CharField(max_length=255, blank=True, editable=False)
    # The same for a remote embedding provider.
    embedding_provider = models.CharField(
        max_length=255, blank=True, default="", db_default="", editable=False
    )
    shortcuts_enabled = models.BooleanField(
        _("keyboard shortcuts"),
        default=True,
        db_default=True,
        help_text=_("Press ? to list them. They are ignored while you type."),
    )
    first_steps_hidden = models.BooleanField(default=False, db_default=False, editable=False)
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)
    # When an account that its user closed is deleted permanently (accounts/deletion/service.py).
    delete_at = models.DateTimeField(_("to be deleted"), null=True, blank=True, editable=False)
    # Part of every session's hash: incrementing it ends all sessions (accounts/sessions/revocation.py).
    sessions_era = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
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
        """The name that others see. It reveals nothing of the e-mail address."""
        return self.display_name or f"@{self.handle}"

    @property
    def own_name(self) -> str:
        """The name that the user sees: until they choose one, the local part of their e-mail address."""
        return self.display_name or self.email.partition("@")[0]

    @property
    def zone(self) -> ZoneInfo:
        """The time zone; UTC if this machine does not know it, as another machine may have when it was chosen."""
        try:
            return ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")

    @property
    def language_code(self) -> str:
        """The code of the language in which the user writes."""
        return self.language or languages.get_default_code()

    @property
    def mail_language(self) -> str:
        """The language of e-mails to the user, empty if none is known."""
        return self.page_language or page_language.find_supported(self.language)

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Remove invisible characters from what others see, such as those that reverse the text after them."""
        for name in {"display_name", "bio"} - set(exclude or ()):
            value = getattr(self, name)
            if isinstance(value, str) and len(value) <= MAX_BIO_CHARACTERS:  # else it is rejected below
                setattr(self, name, clean_text(value))
        super().clean_fields(exclude=exclude)

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        if not self.sessions_era:  # Django's hash, so that sessions older than this column stay valid
            return super()._get_session_auth_hash(secret=secret)  # type: ignore[misc,no-any-return]
        value = f"{self.sessions_era}:{self.password}"
        return salted_hmac("accounts.session", value, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class PersonKey(models.Model):
    """A user's data key, wrapped with the master keys. Deleting the row makes the user's texts unreadable."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="data_key")
    wrapped = StrictEncryptedTextField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"data key of {self.user_id}"


class ServerKey(models.Model):
    """The server's own data key: for words of public memories, and to check the master keys.

    One row (id 1), created at the first start. If it cannot be decrypted, the configured master keys do not match this
    database, and nothing may be written.
    """

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    wrapped = StrictEncryptedTextField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_server_key")]

    def __str__(self) -> str:
        return "server key"


class Invitation(models.Model):
    """An invitation to sign up once. Only the digest of its secret is stored."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    secret_digest = models.BinaryField(max_length=32, unique=True, editable=False)
    email = models.EmailField(blank=True, help_text=_("Leave empty to let anyone with the link sign up."))
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField()
    used_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, editable=False)
    used_at = models.DateTimeField(null=True, blank=True, editable=False)

    def __str__(self) -> str:
        return f"invitation {self.id}"


class QueuedEmail(models.Model):
    """An e-mail that waits for the mail server (accounts/mail/outbox.py). It is deleted when it has been sent.

    The content holds codes and addresses: it is encrypted, and empty once the e-mail has failed for good.
    """

    class Kind(models.TextChoices):
        MESSAGE = "message", _("message")
        SIGNUP_CODE = "signup_code", _("code to sign up")
        PASSWORD_RESET = "password_reset", _("password reset")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=20, choices=Kind.choices, editable=False)
    content = models.BinaryField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(editable=False)
    attempts = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    error = models.CharField(max_length=30, blank=True, default="", db_default="", editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("queued e-mail")
        indexes = [
            models.Index(fields=["due_at"], name="email_due", condition=Q(failed_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"e-mail {self.id}"


class StaffAction(models.Model):
    """What a member of staff did in the admin site with rows of one user; append-only by a trigger.

    action: one of the constants, or the name of an action of the admin page. kind: the model's label. fields: names of
    what was changed. There are no foreign keys: the entry outlives both users, until AUDIT_DAYS have passed.
    """

    VIEW, ADD, CHANGE, DELETE = "view", "add", "change", "delete"
    DESCRIPTIONS: ClassVar = {
        VIEW: _("Viewed"),
        ADD: _("Added"),
        CHANGE: _("Changed"),
        DELETE: _("Deleted"),
        "retry_indexing": _("Retried indexing"),
        "end": _("Revoked"),
        "make_verified": _("Marked as verified"),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    staff_id = models.UUIDField(editable=False)
    person_id = models.UUIDField(null=True, editable=False)
    action = models.CharField(max_length=40, editable=False)
    kind = models.CharField(max_length=60, editable=False)
    object_ids = ArrayField(models.CharField(max_length=40), editable=False)
    fields = ArrayField(models.CharField(max_length=100), default=list, editable=False)
    happened_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("action of staff")
        verbose_name_plural = _("actions of staff")
        indexes = [models.Index(fields=["person_id", "-id"], name="staff_action_of_person")]

    def __str__(self) -> str:
        return f"{self.action} {self.kind}"

    @property
    def description(self) -> str:
        """What was done, as "Changed: account (active)"."""
        action = self.DESCRIPTIONS.get(self.action, self.action.replace("_", " ").capitalize())
        is_account = self.kind == User._meta.label_lower
        kind = _("account") if is_account else apps.get_model(self.kind)._meta.verbose_name
        return f"{action}: {kind} ({', '.join(self.fields)})" if self.fields else f"{action}: {kind}"
