"""E-mails about connected apps."""

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.mail import emails
from core.web.page_language import speak
from oauth.models import AppGrant
from oauth.toolkit.scopes import get_scope_descriptions


def send_app_connected_email(grant: AppGrant, *, device_network: str = "") -> None:
    """Notify the user that an app was connected, in case somebody else did it.

    device_network: where the app runs, if the user entered the code of a device.
    """
    with speak(grant.user.mail_language):
        descriptions = get_scope_descriptions()
        context = {
            "app": grant.application,
            "allowed": [descriptions[scope] for scope in grant.scopes],
            "device_network": device_network,
            "address": f"{settings.PUBLIC_URL}{reverse('oauth:app', args=[grant.pk])}",
        }
        subject = _("%(app)s was connected to your account") % {"app": grant.application}
        emails.send_email(grant.user, subject, "app_connected", context)
