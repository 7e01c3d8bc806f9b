"""What a person is told by letter about their apps."""

import logging

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from oauth.client_scopes import descriptions
from oauth.models import AppGrant

logger = logging.getLogger(__name__)


def app_connected(grant: AppGrant) -> None:
    """Tell a person that an app was connected, in case it was not they who did it."""
    context = {
        "app": grant.application,
        "allowed": [descriptions()[scope] for scope in grant.scopes],
        "address": f"{settings.PUBLIC_URL}{reverse('oauth:app', args=[grant.pk])}",
        "site": settings.PUBLIC_URL,
    }
    subject = _("%(app)s is connected to your memories") % {"app": grant.application}
    _send(grant.user, " ".join(subject.split()), render_to_string("emails/app_connected.txt", context))


def _send(user: User, subject: str, text: str) -> None:
    try:
        send_mail(subject, text, None, [user.email])
    except OSError:  # of SMTP too: the app is connected all the same, and the page says so
        logger.exception("the letter about a connected app was not sent")
