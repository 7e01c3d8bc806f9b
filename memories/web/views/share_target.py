"""The share target ("Save to Picard"): fills the form with text that another app on the device shared."""

from cryptography.exceptions import InvalidTag
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.actor import Actor, Channel
from accounts.keys import get_server_key
from accounts.rate_limits import RateLimitExceeded, enforce_rate_limit, get_anonymous_limit
from core.client_ip import get_client_network
from core.crypto import seal_to_text, unseal_text
from core.http import render_rate_limited
from memories.validation import limits
from memories.web.decorators import Request, memory_view
from memories.web.forms import MemoryForm
from oauth.access.request_actor import actor_from_request

SESSION_KEY = "shared"
MAX_STORED_CHARACTERS = 2 * limits.TEXT_CHARACTERS  # enough for the form to report a text that is too long
BOUND_TO = b"shared text"
# The device's share sheet or this site. Other sites are rejected; their requests carry no session either.
ALLOWED_FETCH_SITES = ("none", "same-origin")


@csrf_exempt  # sent by the device; nothing is saved
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def receive_shared_text(request: Request) -> HttpResponseBase:
    if request.method != "POST":
        return _render_prefilled_form(request)
    if request.headers.get("Sec-Fetch-Site", "none") not in ALLOWED_FETCH_SITES:
        raise PermissionDenied
    text = _get_shared_text(request)
    if actor_from_request(request, Channel.WEB).user is None:
        return _store_until_login(request, text)
    return _render_prefilled_form(request, text)


@memory_view
def _render_prefilled_form(request: Request, actor: Actor, text: str = "") -> HttpResponseBase:  # noqa: ARG001
    text = text or _decrypt_text(request.session.pop(SESSION_KEY, ""))
    if not text:
        return redirect("memories:new")
    form = MemoryForm(initial={"text": text})
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "is_shared": True}
    return render(request, "memories/new.html", context)


def _store_until_login(request: HttpRequest, text: str) -> HttpResponseBase:
    try:
        enforce_rate_limit(get_anonymous_limit(), get_client_network(request))
    except RateLimitExceeded as error:
        return render_rate_limited(request, error.retry_after_s)
    request.session[SESSION_KEY] = seal_to_text(
        get_server_key().shared_text_cipher, text[:MAX_STORED_CHARACTERS].encode(), BOUND_TO
    )
    return redirect_to_login(reverse("memories:share"))


def _get_shared_text(request: HttpRequest) -> str:
    """Join title, text and URL without repetition: many apps put the URL into the text as well."""
    values = [request.POST.get(name, "").strip() for name in ("title", "text", "url")]
    parts = list(dict.fromkeys(filter(None, values)))
    return "\n".join(part for part in parts if not any(part in other for other in parts if other != part))


def _decrypt_text(sealed: str) -> str:
    """Return the text, or an empty string if it was encrypted with an earlier key."""
    try:
        return unseal_text(get_server_key().shared_text_cipher, sealed, BOUND_TO).decode()
    except (ValueError, InvalidTag):
        return ""
