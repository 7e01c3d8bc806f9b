"""Pages about the end of an account: closing it, and the two ways back, by a letter's link and by logging in."""

from contextlib import suppress

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.decorators import login_stage_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.actor import Actor, Channel
from accounts.deletion import service as deletion
from accounts.deletion.forms import DeleteAccountForm
from accounts.login.stages import RestoreStage
from accounts.models import User


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete_account(request: HttpRequest) -> HttpResponseBase:
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    form = DeleteAccountForm(request.POST or None, handle=request.user.handle)
    if form.is_valid():
        deletion.close_account(Actor(user=request.user, door=Channel.WEB))
        logout(request)
        return redirect("accounts:closed")
    context = {"form": form, "days": settings.DELETION_DAYS}
    return render(request, "accounts/delete.html", context, status=422 if form.is_bound else 200)


@require_safe
def show_account_closed(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/closed.html", {"days": settings.DELETION_DAYS})


@login_stage_required(stage=RestoreStage.key, redirect_urlname="account_login")  # type: ignore[untyped-decorator]
@require_http_methods(["GET", "HEAD", "POST"])
def restore_account(request: HttpRequest) -> HttpResponseBase:
    """Logged in but for this: the account is closed."""
    stage = request._login_stage  # type: ignore[attr-defined]
    person: User = stage.login.user
    if request.method == "POST":
        _restore_if_closed(person)
        person.refresh_from_db()
        response: HttpResponse = stage.exit()
        return response
    return render(request, "accounts/restore.html", {"person": person})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def restore_by_link(request: HttpRequest, token: str) -> HttpResponseBase:
    """By the letter's link, which needs no password; logging in does, afterwards."""
    try:
        person = deletion.get_user_by_restore_token(token)
    except deletion.AccountNotClosed:
        return render(request, "accounts/restore.html", {"person": None}, status=404)
    if request.method == "POST":
        _restore_if_closed(person)
        messages.success(request, _("Your account is back. Log in."))
        return redirect("account_login")
    return render(request, "accounts/restore.html", {"person": person})


def _restore_if_closed(person: User) -> None:
    with suppress(deletion.AccountNotClosed):  # brought back already, by the other way
        deletion.restore_account(person.pk, by=Actor(user=person, door=Channel.WEB))
