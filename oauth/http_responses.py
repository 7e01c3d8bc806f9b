"""What all of the protocol's endpoints have in common: how they are asked, how often, and what every answer carries."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt

from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit
from core.client_ip import get_client_network

View = Callable[..., HttpResponseBase]
REPEATABLE_PARAMETERS = frozenset({"resource"})  # RFC 8707 2
# Browser apps send no cookies here, so any page may ask (the authorization page never answers across origins).
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, MCP-Protocol-Version",
    "Access-Control-Expose-Headers": "WWW-Authenticate, Retry-After",
    "Access-Control-Max-Age": "3600",
}


def oauth_endpoint(
    *,
    methods: tuple[str, ...] = ("POST",),
    limit: RateLimit | None = None,
    cors: bool = False,
    takes_form: bool = True,
) -> Callable[[View], View]:
    """For programs: no CSRF token, no cache, each parameter once, so many requests an address."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            preflight = _build_preflight_response(methods) if cors and request.method == "OPTIONS" else None
            refused = (
                preflight
                or _reject_request(request, methods, limit)
                or (_reject_form(request) if takes_form else None)
            )
            response: HttpResponseBase = refused or view(request, *args, **kwargs)
            response["Cache-Control"] = "no-store"
            response["Pragma"] = "no-cache"
            for name, value in CORS.items() if cors else ():
                response[name] = value
            return response

        return answer

    return decorate


def build_error_response(error: str, description: str, status: int = 400) -> HttpResponse:
    """An error as OAuth spells it (RFC 6749 5.2)."""
    return JsonResponse({"error": error, "error_description": description}, status=status)


def find_repeated_parameter(parameters: MultiValueDict[str, str]) -> str | None:
    """A parameter that stands there twice (RFC 6749 3.1, 3.2): what counts would be anybody's guess."""
    return next(
        (
            name
            for name, values in parameters.lists()
            if len(values) > 1 and name not in REPEATABLE_PARAMETERS
        ),
        None,
    )


def has_nul(parameters: MultiValueDict[str, str]) -> bool:
    return any("\0" in value for _name, values in parameters.lists() for value in values)


def _build_preflight_response(methods: tuple[str, ...]) -> HttpResponse:
    return HttpResponse(status=204, headers={"Access-Control-Allow-Methods": ", ".join(methods)})


def _reject_request(
    request: HttpRequest, methods: tuple[str, ...], limit: RateLimit | None
) -> HttpResponse | None:
    if request.method not in methods:
        refused = build_error_response("invalid_request", "This method is not allowed here.", 405)
        refused["Allow"] = ", ".join(methods)
        return refused
    if limit is not None and (refused_for := _get_retry_after(limit, request)):
        refused = build_error_response("temporarily_unavailable", "Too many requests.", 429)
        refused["Retry-After"] = str(refused_for)
        return refused
    return None


def _reject_form(request: HttpRequest) -> HttpResponse | None:
    if request.META.get("QUERY_STRING"):
        # RFC 9700 4.3.2: addresses get into logs; nothing of this is for them.
        return build_error_response("invalid_request", "Send parameters in the body.")
    if (name := find_repeated_parameter(request.POST)) is not None:
        return build_error_response("invalid_request", f"The parameter {name[:40]!r} stands there twice.")
    if has_nul(request.POST):
        return build_error_response("invalid_request", "A parameter holds a NUL character.")
    return None


def _get_retry_after(limit: RateLimit, request: HttpRequest) -> int:
    """Seconds to wait, 0 for none."""
    try:
        enforce_rate_limit(limit, get_client_network(request))
    except RateLimitExceeded as reached:
        return reached.retry_after_s
    return 0
