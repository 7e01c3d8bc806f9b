"""What another app of this device shares, "Save to Picard": it fills the form, and the person says whether to keep."""

from cryptography.exceptions import InvalidTag
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.actor import Actor, Door
from accounts.keys import server_key
from accounts.rate_limits import LimitReached, hit, of_anybody
from core.client_ip import client_network
from core.crypto import seal_as_text, unseal_text
from core.http import too_many
from memories.validation import limits
from memories.web.decorators import Request, memory_page
from memories.web.forms import MemoryForm
from oauth.access.request_actor import actor_from_request

SESSION_KEY = "shared"
CARRIED_CHARACTERS = 2 * limits.TEXT_CHARACTERS  # of what is too long, enough for the form to say so
BOUND_TO = b"shared text"
# The device's own share sheet, or a page of this site; not a page of another site, which sends no session either.
SENDERS = ("none", "same-origin")


@csrf_exempt  # the device sends it, and nothing is kept
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def share(request: Request) -> HttpResponseBase:
    if request.method != "POST":
        return _filled_form(request)
    if request.headers.get("Sec-Fetch-Site", "none") not in SENDERS:
        raise PermissionDenied
    text = _text_of(request)
    if actor_from_request(request, Door.WEB).user is None:
        return _carry_through_log_in(request, text)
    return _filled_form(request, text)


@memory_page
def _filled_form(request: Request, actor: Actor, text: str = "") -> HttpResponseBase:  # noqa: ARG001
    text = text or _open(request.session.pop(SESSION_KEY, ""))
    if not text:
        return redirect("memories:new")
    form = MemoryForm(initial={"text": text})
    context = {"add_form": form, "limit": limits.TEXT_CHARACTERS, "is_shared": True}
    return render(request, "memories/new.html", context)


def _carry_through_log_in(request: HttpRequest, text: str) -> HttpResponseBase:
    try:
        hit(of_anybody(), client_network(request))
    except LimitReached as error:
        return too_many(request, error.retry_after_s)
    request.session[SESSION_KEY] = seal_as_text(
        server_key().carried, text[:CARRIED_CHARACTERS].encode(), BOUND_TO
    )
    return redirect_to_login(reverse("memories:share"))


def _text_of(request: HttpRequest) -> str:
    """Title, text and address, each once: many apps put the address into the text as well."""
    given = [request.POST.get(name, "").strip() for name in ("title", "text", "url")]
    parts = list(dict.fromkeys(filter(None, given)))
    return "\n".join(part for part in parts if not any(part in other for other in parts if other != part))


def _open(sealed: str) -> str:
    """Empty for what does not open: it was sealed under keys of before."""
    try:
        return unseal_text(server_key().carried, sealed, BOUND_TO).decode()
    except (ValueError, InvalidTag):
        return ""
