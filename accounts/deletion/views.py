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

from accounts.actor import Actor, Door
from accounts.deletion import service as deletion
from accounts.deletion.forms import DeleteAccountForm
from accounts.login.stages import RestoreStage
from accounts.models import User


@login_required
@reauthentication_required  # type: ignore[untyped-decorator]
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest) -> HttpResponseBase:
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    form = DeleteAccountForm(request.POST or None, handle=request.user.handle)
    if form.is_valid():
        deletion.close(Actor(user=request.user, door=Door.WEB))
        logout(request)
        return redirect("accounts:closed")
    context = {"form": form, "days": settings.DELETION_DAYS}
    return render(request, "accounts/delete.html", context, status=422 if form.is_bound else 200)


@require_safe
def closed(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/closed.html", {"days": settings.DELETION_DAYS})


@login_stage_required(stage=RestoreStage.key, redirect_urlname="account_login")  # type: ignore[untyped-decorator]
@require_http_methods(["GET", "HEAD", "POST"])
def restore(request: HttpRequest) -> HttpResponseBase:
    """Logged in but for this: the account is closed."""
    stage = request._login_stage  # type: ignore[attr-defined]
    person: User = stage.login.user
    if request.method == "POST":
        _restore(person)
        person.refresh_from_db()
        response: HttpResponse = stage.exit()
        return response
    return render(request, "accounts/restore.html", {"person": person})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def come_back(request: HttpRequest, token: str) -> HttpResponseBase:
    """By the letter's link, which needs no password; logging in does, afterwards."""
    try:
        person = deletion.of_link(token)
    except deletion.NotClosed:
        return render(request, "accounts/restore.html", {"person": None}, status=404)
    if request.method == "POST":
        _restore(person)
        messages.success(request, _("Your account is back. Log in."))
        return redirect("account_login")
    return render(request, "accounts/restore.html", {"person": person})


def _restore(person: User) -> None:
    with suppress(deletion.NotClosed):  # brought back already, by the other way
        deletion.restore(person.pk, by=Actor(user=person, door=Door.WEB))
