"""E-mails about what concerns the security of an account, to its confirmed addresses only."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed, email_removed
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.signals import authenticator_used
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.mail import addresses, emails
from accounts.models import User
from accounts.sessions.user_agents import describe_user_agent
from core.client_ip import get_client_ip
from core.web.page_language import speak

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

# By the template that django-allauth would use.
EVENTS = {
    "account/email/password_changed": _("Your password was changed"),
    "account/email/password_reset": _("Your password was reset"),
    "account/email/password_set": _("A password was set"),
    "mfa/email/totp_activated": _("An authenticator app was added"),
    "mfa/email/totp_deactivated": _("The authenticator app was removed"),
    "mfa/email/recovery_codes_generated": _("New recovery codes were generated"),
    "mfa/email/webauthn_added": _("A passkey was added"),
    "mfa/email/webauthn_removed": _("A passkey was removed"),
}


def notify_event(request: HttpRequest, person: User, template: str) -> None:
    """Notify of an event that django-allauth reports. Those about addresses are signals below."""
    if template in EVENTS:
        send_notice(request, person, EVENTS[template])


def notify_login_elsewhere(request: HttpRequest, person: User) -> None:
    send_notice(request, person, _("New log-in to your account"))


def notify_address_added(request: HttpRequest, person: User, email: str) -> None:
    send_notice(request, person, _("An e-mail address was added"), detail=email)


def notify_identity_connected(request: HttpRequest, person: User, provider: str, email: str) -> None:
    with speak(person.mail_language):
        what = _("Log-in with %(provider)s was connected") % {"provider": provider}
        send_notice(request, person, what, detail=email)


def notify_identity_disconnected(request: HttpRequest, person: User, provider: str) -> None:
    """provider: its name; "" if the settings no longer name it."""
    with speak(person.mail_language):
        what: StrOrPromise = _("Log-in with an OpenID provider was disconnected")
        if provider:
            what = _("Log-in with %(provider)s was disconnected") % {"provider": provider}
        send_notice(request, person, what)


def notify_address_replaced(request: HttpRequest, person: User, formerly: Iterable[str]) -> None:
    """Tell the addresses that an administrator took away."""
    what = _("An administrator changed your e-mail address")
    send_notice(request, person, what, detail=person.email, also_to=formerly, is_by_other=True)


@receiver(email_removed)
def notify_address_removed(
    request: HttpRequest, user: User, email_address: EmailAddress, **_kwargs: object
) -> None:
    """Tell the removed address, too, if it was confirmed."""
    also_to = [email_address.email] if email_address.verified else []
    what = _("An e-mail address was removed")
    send_notice(request, user, what, detail=email_address.email, also_to=also_to)


@receiver(email_changed)
def notify_primary_changed(
    request: HttpRequest, user: User, to_email_address: EmailAddress, **_kwargs: object
) -> None:
    send_notice(request, user, _("Your primary e-mail address was changed"), detail=to_email_address.email)


@receiver(authenticator_used)
def notify_recovery_code_used(
    request: HttpRequest, user: User, authenticator: Authenticator, **_kwargs: object
) -> None:
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        return
    stored = Authenticator.objects.get(pk=authenticator.pk)  # the argument is from before the code was used
    left = len(RecoveryCodes(stored).get_unused_codes())
    with speak(user.mail_language):
        detail = ngettext("%(count)d code is left.", "%(count)d codes are left.", left) % {"count": left}
        send_notice(request, user, _("A recovery code was used"), detail=detail)


def send_notice(
    request: HttpRequest,
    person: User,
    what: "StrOrPromise",
    *,
    detail: str = "",
    also_to: Iterable[str] = (),
    is_by_other: bool = False,
) -> None:
    """Send the notice. detail: one line below it; is_by_other: the request is not of the user, so that its IP address
    and browser are not theirs.
    """
    if not addresses.is_confirmation_required():
        return  # no address is confirmed
    with speak(person.mail_language):
        context: dict[str, object] = {
            "what": what,
            "detail": detail,
            "provider": settings.OPENID.label,
            "time": f"{date_format(timezone.localtime(timezone=person.zone), 'DATETIME_FORMAT')} ({person.zone})",
            "ip": "" if is_by_other else get_client_ip(request),
            "browser": "" if is_by_other else describe_user_agent(request.headers.get("User-Agent", "")),
        }
        emails.send_security_notice(person, what, context, also_to=also_to)
