"""Confirming who one is again, before what concerns the security of the account: also at the OpenID provider.

django-allauth asks for a password, a passkey or a code, and believes the session of a user who has none of these. It
keeps a form that waits for the confirmation in the session, even after the user left; see `suspend_request`.
"""

from typing import Any

from allauth.account.internal.flows import reauthentication
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.openid import connections

FLOW_ID = "openid_reauthenticate"

_get_allauths_flows = reauthentication.get_reauthentication_flows
_suspend_request = reauthentication.suspend_request


def install_reauthentication() -> None:
    """Replace functions of django-allauth, which has no setting for that."""
    reauthentication.get_reauthentication_flows = get_reauthentication_flows
    reauthentication.suspend_request = suspend_request


def suspend_request(request: HttpRequest, redirect_to: str) -> HttpResponseRedirect:
    """Let the request wait until the user confirms who they are, in place of any that still waits.

    Otherwise whoever only opens the page of an abandoned form, and confirms, would submit that form.
    """
    request.session.pop(reauthentication.STATE_SESSION_KEY, None)
    response: HttpResponseRedirect = _suspend_request(request, redirect_to)
    return response


def get_reauthentication_flows(user: User | AnonymousUser) -> list[dict[str, Any]]:
    flows: list[dict[str, Any]] = _get_allauths_flows(user)
    return [*flows, {"id": FLOW_ID}] if _can_use_openid(user) else flows


def list_openid_methods(user: User | AnonymousUser) -> list[dict[str, str]]:
    """Return the method for django-allauth's pages that ask to confirm."""
    if not _can_use_openid(user):
        return []
    description = _("Log in with %(provider)s again") % {"provider": settings.OPENID.label}
    url = reverse(f"accounts:{FLOW_ID}")
    return [{"id": FLOW_ID, "description": description, "url": url}]


def _can_use_openid(user: User | AnonymousUser) -> bool:
    return isinstance(user, User) and connections.can_confirm(user)
