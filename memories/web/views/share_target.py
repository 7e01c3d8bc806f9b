"""The share target ("Save to Picard"): fills the form with text that another app on the device shared.

Nothing is stored for anonymous users: a short text waits in a cookie of this page, encrypted, a longer one in the page
that asks them to log in.
"""

import base64
import zlib

from cryptography.exceptions import InvalidTag
from django.conf import settings
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
from accounts.rate_limits import enforce_rate_limit, get_anonymous_limit
from core.client_ip import get_client_network
from core.crypto import seal_bytes, unseal_bytes
from core.hosts import find_public_origin
from core.http import build_cookie_options
from memories.validation import limits
from memories.web.decorators import Request, memory_view
from memories.web.forms import MemoryForm
from oauth.access.request_actor import actor_from_request

COOKIE = "__Secure-shared" if settings.SESSION_COOKIE_SECURE else "picard_shared"
COOKIE_S = 3_600
COOKIE_CHARACTERS = 3_800  # browsers store at most 4,096 bytes of a cookie, with its name
MAX_TEXT_BYTES = 16_000  # of a cookie's text when it is unpacked
BOUND_TO = b"shared text"
# The device's share sheet or this site. Other sites are rejected; their requests carry no session either.
ALLOWED_FETCH_SITES = ("none", "same-origin")


@csrf_exempt  # sent by the device; nothing is saved
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def receive_shared_text(request: Request) -> HttpResponseBase:
    if request.method != "POST":
        return _render_waiting_text(request)
    if not _is_sent_by_user(request):
        raise PermissionDenied
    text = _get_shared_text(request)
    if actor_from_request(request, Channel.WEB).user is None:
        return _ask_to_log_in(request, text)
    return _render_prefilled_form(request, text)


def _is_sent_by_user(request: HttpRequest) -> bool:
    """Return whether the request comes from the device or from this site, not from another one.

    Browsers without Sec-Fetch-Site tell another site by Origin, which is `null` for some.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ALLOWED_FETCH_SITES
    origin = request.headers.get("Origin")
    own = f"{request.scheme}://{request.get_host()}"
    return origin is None or origin == own or find_public_origin(origin) == origin


def _render_waiting_text(request: Request) -> HttpResponseBase:
    response = _render_prefilled_form(request, _unpack_text(request.COOKIES.get(COOKIE, "")))
    if COOKIE in request.COOKIES and request.user.is_authenticated:
        response.delete_cookie(COOKIE, path=reverse("memories:share"), samesite="Lax")
    return response


@memory_view
def _render_prefilled_form(request: Request, actor: Actor, text: str = "") -> HttpResponseBase:  # noqa: ARG001
    if not text:
        return redirect("memories:new")
    form = MemoryForm(initial={"text": text})
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "is_shared": True}
    return render(request, "memories/new.html", context)


def _ask_to_log_in(request: HttpRequest, text: str) -> HttpResponseBase:
    enforce_rate_limit(get_anonymous_limit(), get_client_network(request))
    page = reverse("memories:share")
    packed = _pack_text(text)
    if not packed:
        return render(
            request, "memories/share_login.html", {"text": text, "login": redirect_to_login(page).url}
        )
    response = redirect_to_login(page)
    response.set_cookie(
        COOKIE,
        packed,
        max_age=COOKIE_S,
        path=page,
        **build_cookie_options(),
    )
    return response


def _get_shared_text(request: HttpRequest) -> str:
    """Join title, text and URL without repetition: many apps put the URL into the text as well."""
    values = [request.POST.get(name, "").strip() for name in ("title", "text", "url")]
    parts = list(dict.fromkeys(filter(None, values)))
    return "\n".join(part for part in parts if not any(part in other for other in parts if other != part))


def _pack_text(text: str) -> str:
    """Return the cookie's value, empty if the text is too long for a cookie."""
    content = text.encode("utf-8", "replace")
    if len(content) > MAX_TEXT_BYTES:
        return ""
    sealed = seal_bytes(get_server_key().shared_text_cipher, zlib.compress(content, 9), BOUND_TO)
    packed = base64.urlsafe_b64encode(sealed).decode()
    return packed if len(packed) <= COOKIE_CHARACTERS else ""


def _unpack_text(packed: str) -> str:
    """Return the text, or an empty string if there is none or it was encrypted with an earlier key."""
    try:
        sealed = base64.urlsafe_b64decode(packed)
        content = unseal_bytes(get_server_key().shared_text_cipher, sealed, BOUND_TO)
    except (ValueError, InvalidTag):
        return ""
    return zlib.decompressobj().decompress(content, MAX_TEXT_BYTES).decode()
