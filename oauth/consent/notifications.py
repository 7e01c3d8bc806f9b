"""What a person is told by letter about their apps."""

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import mail
from oauth.models import AppGrant
from oauth.toolkit.scopes import get_scope_descriptions


def send_app_connected_email(grant: AppGrant) -> None:
    """Tell a person that an app was connected, in case it was not they who did it."""
    words = get_scope_descriptions()
    context = {
        "app": grant.application,
        "allowed": [words[scope] for scope in grant.scopes],
        "address": f"{settings.PUBLIC_URL}{reverse('oauth:app', args=[grant.pk])}",
    }
    subject = _("%(app)s is connected to your memories") % {"app": grant.application}
    mail.send_email(grant.user, subject, "app_connected", context)
