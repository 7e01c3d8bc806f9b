"""Which identities at the OpenID provider log in to which account.

django-allauth's table holds a keyed hash of issuer and subject, and encrypted, bound to the account, what they were. So
the subject of another issuer is another identity, and nobody who can only write to the database can connect one.
"""

import hmac
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.keys import get_server_key
from accounts.models import User
from accounts.openid.code_flow import Identity
from accounts.openid.config import get_host
from core.crypto import seal_to_text, unseal_text

logger = logging.getLogger(__name__)

PROVIDER_ID = "openid"  # in the column `provider` of every row
SEALED = "sealed"
MAX_CONNECTIONS = 5  # of an account


class ConnectedElsewhere(Exception):
    """The identity logs in to another account."""


class TooManyConnections(Exception):
    """The account has MAX_CONNECTIONS."""


class LastWayIn(Exception):
    """The account would have no way to log in any more."""


@dataclass(frozen=True)
class Connection:
    """An identity of a user, as their page shows it. email: at the provider when it was connected."""

    id: int
    host: str
    email: str
    is_usable: bool
    connected_at: datetime
    last_used_at: datetime

    @property
    def label(self) -> str:
        """Address and host, as far as they are known."""
        return " · ".join(filter(None, (self.email, self.host)))


def find_account(identity: Identity) -> SocialAccount | None:
    """Return the row of the identity with its user."""
    row = (
        SocialAccount.objects.select_related("user")
        .filter(provider=PROVIDER_ID, uid=compute_uid(identity))
        .first()
    )
    if row is not None and _read_details(row) is None:
        logger.warning("the connection %s is not bound to its account, and was ignored", row.pk)
        return None
    return row


def record_use(row: SocialAccount) -> None:
    SocialAccount.objects.filter(pk=row.pk).update(last_login=timezone.now())


@transaction.atomic
def add_connection(person: User, identity: Identity) -> bool:
    """Let the identity log in to the account; return False if it does already.

    Raises ConnectedElsewhere and TooManyConnections.
    """
    User.objects.select_for_update().get(pk=person.pk)
    existing = find_account(identity)
    if existing is not None:
        if existing.user_id != person.pk:
            raise ConnectedElsewhere
        return False
    if SocialAccount.objects.filter(user=person).count() >= MAX_CONNECTIONS:
        raise TooManyConnections
    uid = compute_uid(identity)
    details = {"issuer": identity.issuer, "email": identity.email}
    try:
        with transaction.atomic():
            SocialAccount.objects.create(
                user=person, provider=PROVIDER_ID, uid=uid, extra_data=_seal_details(person.pk, uid, details)
            )
    except IntegrityError:  # another account connected it at the same moment, or its row is not bound
        raise ConnectedElsewhere from None
    return True


@transaction.atomic
def remove_connection(person: User, connection_id: int) -> bool:
    """Disconnect an identity; return False if the account has no such one. Raises LastWayIn."""
    User.objects.select_for_update().get(pk=person.pk)
    own = SocialAccount.objects.filter(user=person, pk=connection_id)
    if not own.exists():
        return False
    if not has_way_in(person, without_connection=connection_id):
        raise LastWayIn
    own.delete()
    return True


def has_way_in(
    person: User, *, without_connection: int | None = None, without_passkey: int | None = None
) -> bool:
    """Return whether the account can log in by a password, a passkey or an identity, without one of these.

    A password reset does not count: the address may be lost, and a server without EMAIL_URL sends none.
    """
    if person.has_usable_password():
        return True
    passkeys = Authenticator.objects.filter(user_id=person.pk, type=Authenticator.Type.WEBAUTHN)
    if mfa_settings.PASSKEY_LOGIN_ENABLED and passkeys.exclude(pk=without_passkey).exists():
        return True
    return any(each.is_usable and each.id != without_connection for each in list_connections(person))


def list_connections(person: User) -> list[Connection]:
    """Return the user's connections, oldest first. One of an issuer that is not configured any more is not usable."""
    rows = SocialAccount.objects.filter(user_id=person.pk).order_by("pk")
    return [_build_connection(row) for row in rows]


def can_confirm(person: User) -> bool:
    """Return whether the user can confirm who they are at the provider."""
    return any(each.is_usable for each in list_connections(person))


def compute_uid(identity: Identity) -> str:
    key = get_server_key().identity_hash_key
    return hmac.new(key, f"{identity.issuer}\0{identity.subject}".encode(), "sha256").hexdigest()


# --- Private ------------------------------------------------------------------------------------------


def _build_connection(row: SocialAccount) -> Connection:
    details = _read_details(row) or {}
    issuer = details.get("issuer", "")
    return Connection(
        id=row.pk,
        host=get_host(issuer),
        email=details.get("email", ""),
        is_usable=bool(issuer) and issuer == settings.OPENID.issuer,
        connected_at=row.date_joined,
        last_used_at=row.last_login,
    )


def _seal_details(user_id: UUID, uid: str, details: dict[str, str]) -> dict[str, str]:
    content = json.dumps(details).encode()
    return {SEALED: seal_to_text(get_server_key().identity_cipher, content, _bind(user_id, uid))}


def _read_details(row: SocialAccount) -> dict[str, str] | None:
    """Return issuer and address, None if they are not of this row."""
    sealed = row.extra_data.get(SEALED, "") if isinstance(row.extra_data, dict) else ""
    try:
        content = unseal_text(get_server_key().identity_cipher, str(sealed), _bind(row.user_id, row.uid))
    except (ValueError, InvalidTag):
        return None
    details: dict[str, str] = json.loads(content)
    return details


def _bind(user_id: UUID, uid: str) -> bytes:
    return f"socialaccount_socialaccount|{user_id}|{uid}".encode()
