"""Device codes and user codes (RFC 8628): issued to a device, answered by the user, polled by the device."""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import User
from core.db.prepared import fetch_prepared
from oauth.models import Application, DeviceAuthorization
from oauth.settings import DEVICE_CODE_S, POLL_INTERVAL_S
from oauth.tokens.families import compute_checksum

# Lets secret scanners recognise leaked codes.
DEVICE_CODE_PREFIX = "picard_dc_"
# RFC 8628 6.1: no vowels, so that no code is a word, and nothing that looks alike. 20^8 is 34.6 bits.
USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH = 8
MAX_INTERVAL_S = 60
# A poll may arrive this much earlier than the interval says, since the network delays the one before it more or less.
TOLERANCE_S = 1
ATTEMPTS = 3  # for a user code that no other device has
# How long a device is told that its code has expired.
RETENTION = timedelta(seconds=DEVICE_CODE_S)
# Returns the status of RFC 8628 3.5, no row for an unknown code. A poll that comes too early is not one: a device that
# waits as it is told gets its answer, whatever another process of it does.
POLL_SQL = """
with found as (
  select id, status, interval_s, expires_at <= clock_timestamp() as is_expired,
    coalesce(polled_at > clock_timestamp() - (interval_s - %(tolerance)s) * interval '1 second', false) as is_early
  from oauth_deviceauthorization where digest = %(checksum)s and application_id = %(application)s),
polled as (
  update oauth_deviceauthorization waiting
  set polled_at = case when is_early then polled_at else clock_timestamp() end,
    interval_s = case when is_early then least(found.interval_s + %(step)s, %(most)s) else found.interval_s end
  from found where waiting.id = found.id and found.status = 'pending' and not is_expired)
select case when status = 'denied' then 'access_denied'
            when is_expired then 'expired_token'
            when is_early then 'slow_down'
            else 'authorization_pending' end
from found
"""


class CodeAnswered(Exception):
    """The user code has expired, or was answered meanwhile."""


@dataclass(frozen=True, repr=False)
class DeviceCodes:
    """The codes of a device, which are available only here. user_code: as it is shown, such as WDJB-MJHT."""

    device_code: str
    user_code: str


def issue_codes(
    application: Application, scopes: list[str], resource: list[str], *, network: str
) -> DeviceCodes:
    """Store the request of a device and return its codes. network: where the request came from."""
    device_code = DEVICE_CODE_PREFIX + secrets.token_urlsafe(32)
    for _attempt in range(ATTEMPTS):
        user_code = "".join(secrets.choice(USER_CODE_LETTERS) for _ in range(USER_CODE_LENGTH))
        try:
            with transaction.atomic():
                DeviceAuthorization.objects.create(
                    digest=compute_checksum(device_code),
                    user_code_digest=_hash_user_code(user_code),
                    application=application,
                    scope=" ".join(scopes),
                    resource=resource,
                    requested_from=network,
                    expires_at=Now() + timedelta(seconds=DEVICE_CODE_S),
                )
        except IntegrityError:
            continue
        return DeviceCodes(device_code, format_user_code(user_code))
    raise RuntimeError("no unused user code was found")


def clean_user_code(typed: str) -> str:
    """Return the letters of a user code as the user typed it, in upper case (RFC 8628 6.1)."""
    return "".join(letter for letter in typed[:100].upper() if letter in USER_CODE_LETTERS)


def format_user_code(user_code: str) -> str:
    """Return the code in two groups, as it is shown."""
    middle = USER_CODE_LENGTH // 2
    return f"{user_code[:middle]}-{user_code[middle:]}"


def find_pending(user_code: str) -> DeviceAuthorization | None:
    """Return the request that waits for an answer under this cleaned user code."""
    waiting = DeviceAuthorization.objects.select_related("application__user").filter(
        user_code_digest=_hash_user_code(user_code),
        status=DeviceAuthorization.Status.PENDING,
        expires_at__gt=Now(),
    )
    return waiting.first()


def allow(device: DeviceAuthorization, user: User, scopes: list[str]) -> None:
    """Let the device get tokens for these scopes of the user. Raises CodeAnswered.

    In the transaction of the grant, and after it, in the lock order of revocation.
    """
    _answer(device, status=DeviceAuthorization.Status.ALLOWED, user=user, scope=" ".join(scopes))


def deny(device: DeviceAuthorization) -> None:
    """Tell the device that the user declined. Raises CodeAnswered."""
    _answer(device, status=DeviceAuthorization.Status.DENIED)


def poll(device_code: str, client: Application) -> str | None:
    """Return what to tell the device that has no tokens to get: an error of RFC 8628 3.5, None for an unknown code."""
    params = {
        "checksum": compute_checksum(device_code),
        "application": client.pk,
        "tolerance": TOLERANCE_S,
        "step": POLL_INTERVAL_S,
        "most": MAX_INTERVAL_S,
    }
    rows = fetch_prepared(POLL_SQL, params)
    return str(rows[0][0]) if rows else None


def purge_device_codes() -> int:
    """Delete requests of devices that expired some time ago; return their number."""
    return int(DeviceAuthorization.objects.filter(expires_at__lt=timezone.now() - RETENTION).delete()[0])


def _answer(device: DeviceAuthorization, **values: object) -> None:
    waiting = DeviceAuthorization.objects.filter(
        pk=device.pk, status=DeviceAuthorization.Status.PENDING, expires_at__gt=Now()
    )
    if not waiting.update(**values):
        raise CodeAnswered


def _hash_user_code(user_code: str) -> str:
    """Return a keyed digest: whoever reads the database could try all codes against a plain one."""
    return salted_hmac("oauth.user-code", user_code, algorithm="sha256").hexdigest()
