"""Which account an e-mail address belongs to.

With a mail server, only an address whose owner entered the code that was sent to it counts. An address that nobody
confirmed receives no password reset, no notification and no log-in, and keeps nobody else from using it. Without a mail
server no address can be confirmed, so the one that was given at sign-up counts.
"""

from allauth.account import app_settings
from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.models import User

RELEASED_DOMAIN = "released.invalid"  # RFC 2606: never a mailbox


def is_confirmation_required() -> bool:
    return bool(app_settings.EMAIL_VERIFICATION == app_settings.EmailVerificationMethod.MANDATORY)


def find_account(email: str) -> User | None:
    """Return the account that the address belongs to."""
    confirmed = EmailAddress.objects.filter(email=email.lower(), verified=True).select_related("user").first()
    if confirmed is not None:
        return confirmed.user  # type: ignore[no-any-return]
    return None if is_confirmation_required() else find_holder(email)


def find_holder(email: str) -> User | None:
    """Return the account that names this as its own address, confirmed or not."""
    return User.objects.filter(email=email.lower()).first()


def find_login_account(email: str) -> User | None:
    """Return the one account whose password may log in with this address.

    If the address is not confirmed, its owner must do so before the log-in is complete.
    """
    return find_account(email) or find_holder(email)


def list_notified_addresses(person: User) -> list[str]:
    """Return the addresses to which e-mails about the account may be sent, the primary one first."""
    if not is_confirmation_required():
        return [person.email]
    confirmed = EmailAddress.objects.filter(user_id=person.pk, verified=True)
    return list(confirmed.order_by("-primary", "pk").values_list("email", flat=True))


@transaction.atomic
def release_address(email: str, *, to: User | None = None) -> None:
    """Take an address from accounts that hold it unconfirmed, except from `to`, because its owner confirms it now.

    Such an account stays, with another confirmed address or with none; its owner can log in by passkey and add one.
    """
    owner = find_account(email)
    if owner is not None and owner != to:
        return
    EmailAddress.objects.filter(email=email.lower(), verified=False).exclude(user=to).delete()
    holder = User.objects.select_for_update().filter(email=email.lower()).first()
    if holder is None or holder in (owner, to):
        return
    others = EmailAddress.objects.filter(user=holder, verified=True).order_by("-primary", "pk")
    other = others.first()
    holder.email = other.email if other else f"{holder.pk}@{RELEASED_DOMAIN}"
    holder.save(update_fields=["email"])


@transaction.atomic
def replace_address(person: User) -> None:
    """Make `person.email`, which an administrator changed, their only address. It is not confirmed by that."""
    own = EmailAddress.objects.filter(user=person)
    own.exclude(email=person.email).delete()
    own.update_or_create(user=person, email=person.email, defaults={"primary": True})
