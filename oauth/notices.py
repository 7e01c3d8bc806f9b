"""What a person is told by letter about their apps."""

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import letters
from oauth.client_scopes import descriptions
from oauth.models import AppGrant


def app_connected(grant: AppGrant) -> None:
    """Tell a person that an app was connected, in case it was not they who did it."""
    words = descriptions()
    context = {
        "app": grant.application,
        "allowed": [words[scope] for scope in grant.scopes],
        "address": f"{settings.PUBLIC_URL}{reverse('oauth:app', args=[grant.pk])}",
    }
    subject = _("%(app)s is connected to your memories") % {"app": grant.application}
    letters.send(grant.user, subject, "app_connected", context)
