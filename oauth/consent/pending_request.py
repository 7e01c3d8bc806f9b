"""An app's request that waits until the user has logged in or signed up.

The pages for this pass it on as `next`. Links in e-mails and help texts do not, so a cookie keeps it too. It stays in
the browser that the app opened: an e-mail must not lead to a request that somebody else started elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.encoding import iri_to_uri

from core.http import build_cookie_options
from oauth.models import Application
from oauth.registration import metadata_documents

COOKIE = "__Host-authorization" if settings.SESSION_COOKIE_SECURE else "picard_authorization"
COOKIE_S = 3_600
CONSENT_PAGE = "oauth:authorize"
DEVICE_PAGE = "oauth:device"
REQUEST_PAGES = (CONSENT_PAGE, DEVICE_PAGE)  # each has the request in its URL
COOKIE_CHARACTERS = 3_500  # browsers store at most 4,096 bytes of a cookie, with its name
# Pages on the way from the log-in page to the consent page, by URL name.
PAGES = frozenset(
    {
        "account_login",
        "account_signup",
        "confirm_address",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "mfa_authenticate",
        "openid_login",
        "openid_signup",
    }
)
RETURN_PAGE = "openid_callback"  # its parameters are those of the OpenID provider


@dataclass(frozen=True)
class AskingApp:
    """The app whose request waits. metadata_host: of its metadata document; the document may not be fetched yet.

    is_device: it waits under a code. Which app that is depends on a log-in: else anybody could try codes.
    """

    name: str = ""
    is_verified: bool = False
    metadata_host: str = ""
    is_device: bool = False


class PendingRequestMiddleware:
    """Adds a pending request to the URL of the pages on the way, and remembers it in a cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        page, name = (match.view_name, match.url_name) if match is not None else ("", "")
        is_on_the_way = name == RETURN_PAGE or _is_on_the_way(request)
        if page == CONSENT_PAGE or (is_on_the_way and get_pending_request(request)):
            # An app may open these pages in a pop-up, whose callback page then reports to its opener. Not without an
            # app: whether the opener keeps its window would tell any site whether the user is logged in.
            response.setdefault("Cross-Origin-Opener-Policy", "unsafe-none")
        if page in REQUEST_PAGES and COOKIE in request.COOKIES and request.user.is_authenticated:
            response.delete_cookie(COOKIE, samesite="Lax")
        elif _is_on_the_way(request) and (pending := _get_passed_request(request)):
            _remember_request(response, pending)
        return response

    def process_view(
        self, request: HttpRequest, _view: object, _args: object, _kwargs: object
    ) -> HttpResponseBase | None:
        if request.method != "GET" or "next" in request.GET or not _is_on_the_way(request):
            return None
        pending = get_pending_request(request)
        return (
            redirect(f"{request.path}?{urlencode({**request.GET.dict(), 'next': pending})}")
            if pending
            else None
        )


def get_pending_request(request: HttpRequest) -> str:
    """Return path and query of the app's request that waits, empty if there is none."""
    return _get_passed_request(request) or str(
        request.get_signed_cookie(COOKIE, default="", salt=COOKIE, max_age=COOKIE_S)
    )


def build_page_url(request: HttpRequest, name: str) -> str:
    """Return the URL of the log-in or sign-up page, which passes on the app's request."""
    pending: str = get_pending_request(request)
    return f"{reverse(name)}?{urlencode({'next': pending})}" if pending else reverse(name)


def describe_asking_app(request: HttpRequest) -> AskingApp | None:
    """Return the app whose request waits, None if there is none or the app is unknown."""
    pending = urlsplit(get_pending_request(request))
    if pending.path == reverse(DEVICE_PAGE):
        return AskingApp(is_device=True)
    client_id = QueryDict(pending.query).get("client_id", "")
    if not client_id or "\0" in client_id:
        return None
    application = Application.find_client(client_id)
    if application is not None:
        host = application.metadata_host
        return AskingApp(str(application), application.is_verified, host)
    document_host = _get_document_host(client_id)
    return AskingApp(metadata_host=document_host) if document_host else None


def _get_document_host(client_id: str) -> str | None:
    try:
        return urlsplit(client_id).hostname if metadata_documents.is_metadata_url(client_id) else None
    except ValueError:
        return None


def _is_on_the_way(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name in PAGES


def _get_passed_request(request: HttpRequest) -> str:
    """Return the parameter `next` if it is a request of an app to this site, else an empty string.

    Also for malformed parameters: this is called for the page that reports them.
    """
    try:
        parts = urlsplit(request.POST.get("next") or request.GET.get("next") or "")
        QueryDict(parts.query)
    except (ValueError, BadRequest, SuspiciousOperation):
        return ""
    # The raw header: get_host would fail on the very page that reports an invalid one. Only path and query are used.
    is_here = (parts.scheme, parts.netloc) in (("", ""), (request.scheme, request.META.get("HTTP_HOST")))
    is_request = is_here and parts.path in map(reverse, REQUEST_PAGES)
    return iri_to_uri(f"{parts.path}?{parts.query}") if is_request else ""  # in ASCII, as a cookie must be


def _remember_request(response: HttpResponse, pending: str) -> None:
    if len(pending) <= COOKIE_CHARACTERS:
        response.set_signed_cookie(
            COOKIE,
            pending,
            salt=COOKIE,
            max_age=COOKIE_S,
            **build_cookie_options(),
        )
