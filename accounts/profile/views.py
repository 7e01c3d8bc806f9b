"""Pages of the user's account: overview, profile and theme."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.profile import service as profiles
from accounts.profile.forms import THEME_COOKIE, PageLanguageForm, ProfileForm, ThemeForm, list_time_zones
from core.http import build_cookie_options

THEME_COOKIE_SECONDS = 365 * 24 * 3600


@login_required
@never_cache
@require_safe
def show_overview(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/overview.html")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def edit_profile(request: HttpRequest) -> HttpResponseBase:
    # A second instance, so that invalid input does not change the name shown in the page header.
    assert isinstance(request.user, User)  # noqa: S101  (login_required)
    person = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=person)
    if form.is_valid():
        try:
            form.save()
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Saved."))
            return redirect("accounts:profile")
    status = 422 if form.is_bound else 200
    return render(
        request, "accounts/profile.html", {"form": form, "time_zones": list_time_zones()}, status=status
    )


@require_POST
def set_language(request: HttpRequest) -> HttpResponseBase:
    """Choose the language of the pages: of the account, or of this browser by a cookie."""
    form = PageLanguageForm(request.POST)
    response = redirect(get_safe_next_url(request, default="/"))
    if form.is_valid():
        language = form.cleaned_data["language"]
        if isinstance(request.user, User):
            request.user.page_language = language
            profiles.save_profile(request.user, ["page_language"])
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            **build_cookie_options(),
        )
    return response


@require_POST
def set_theme(request: HttpRequest) -> HttpResponseBase:
    form = ThemeForm(request.POST)
    response = redirect(get_safe_next_url(request, default="/"))
    if form.is_valid():
        response.set_cookie(
            THEME_COOKIE,
            form.cleaned_data["theme"],
            max_age=THEME_COOKIE_SECONDS,
            **build_cookie_options(),
        )
    return response


def get_safe_next_url(request: HttpRequest, *, default: str) -> str:
    """Return the form's `next` URL if it is on this site, else `default`."""
    target = request.POST.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if is_safe else default
