"""The page that lists and ends the user's sessions."""

import re

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.sessions import revocation
from accounts.sessions.hashed_keys import list_user_sessions
from accounts.sessions.user_agents import describe_user_agent

SESSION_ID = re.compile(r"[0-9]{1,18}")  # fits a bigint


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def manage_sessions(request: HttpRequest) -> HttpResponseBase:
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    if request.method == "POST":
        _end_requested_sessions(request, request.user)
        return redirect("accounts:sessions")
    if not list_user_sessions(request.user).filter(session_key=request.session.session_key).exists():
        UserSession.objects.create_from_request(request)  # it began before this list existed
    listed = UserSession.objects.purge_and_list(request.user)
    # The current session first, then the newest.
    listed.sort(key=lambda session: (session.is_current(), session.created_at), reverse=True)
    named = [(session, describe_user_agent(session.user_agent)) for session in listed]
    return render(request, "accounts/sessions.html", {"sessions": named})


def _end_requested_sessions(request: HttpRequest, person: User) -> None:
    """End one session, or all others and optionally the access of all apps."""
    if one := request.POST.get("session", ""):
        revocation.end_session(person, int(one) if SESSION_ID.fullmatch(one) else 0)
        messages.success(request, _("Session ended."))
        return
    revocation.end_sessions(person, keep=request.session)
    messages.success(request, _("All other sessions ended."))
    if request.POST.get("apps"):
        revocation.disconnect_apps(person)
        messages.success(request, _("All apps disconnected and all access tokens deleted."))
