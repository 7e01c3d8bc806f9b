"""Common behaviour of the OAuth endpoints: methods, rate limits, parameter checks and response headers."""

import re
from collections.abc import Callable
from functools import wraps

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.utils.datastructures import MultiValueDict
from django.views.decorators.csrf import csrf_exempt

from accounts.rate_limits import RateLimit, RateLimitExceeded, enforce_rate_limit
from core.client_ip import get_client_network
from core.db.errors import DATABASE_RETRY_AFTER_S, DATABASE_UNAVAILABLE, describe_unavailability

View = Callable[..., HttpResponseBase]
MEDIA_TYPE = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,40}")
REPEATABLE_PARAMETERS = frozenset({"resource"})  # RFC 8707 2


def oauth_endpoint(
    *,
    methods: tuple[str, ...] = ("POST",),
    limit: RateLimit | None = None,
    takes_form: bool = True,
) -> Callable[[View], View]:
    """Decorate an endpoint for clients: no CSRF check, no caching, no duplicate parameters, 429 for RateLimitExceeded,
    503 while the database is unavailable.

    limit: for all requests of a network.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def endpoint(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
            response: HttpResponseBase
            try:
                response = (
                    _reject_request(request, methods, limit)
                    or (_reject_form(request) if takes_form else None)
                    or view(request, *args, **kwargs)
                )
            except RateLimitExceeded as exceeded:
                response = build_error_response("temporarily_unavailable", "Too many requests.", 429)
                response["Retry-After"] = str(exceeded.retry_after_s)
            except DATABASE_UNAVAILABLE as error:
                response = build_error_response(
                    "temporarily_unavailable", describe_unavailability(error), 503
                )
                response["Retry-After"] = str(DATABASE_RETRY_AFTER_S)
            response["Cache-Control"] = "no-store"
            response["Pragma"] = "no-cache"
            return response

        return endpoint

    return decorate


def enforce_network_limit(limit: RateLimit, request: HttpRequest) -> None:
    """Count the request for its network. Raises RateLimitExceeded."""
    enforce_rate_limit(limit, get_client_network(request))


def build_error_response(error: str, description: str, status: int = 400) -> HttpResponse:
    """Return an OAuth error response (RFC 6749 5.2)."""
    return JsonResponse({"error": error, "error_description": description}, status=status)


def find_repeated_parameter(parameters: MultiValueDict[str, str]) -> str | None:
    """Return the name of a duplicate parameter, which RFC 6749 3.1 and 3.2 forbid as ambiguous, or None."""
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


def _reject_request(
    request: HttpRequest, methods: tuple[str, ...], limit: RateLimit | None
) -> HttpResponse | None:
    if request.method not in methods:
        response = build_error_response("invalid_request", "Method not allowed.", 405)
        response["Allow"] = ", ".join(methods)
        return response
    if limit is not None:
        enforce_network_limit(limit, request)
    return None


def _reject_form(request: HttpRequest) -> HttpResponse | None:
    if (error := _get_body_error(request)) is not None:
        return build_error_response("invalid_request", error)
    if request.META.get("QUERY_STRING"):
        # RFC 9700 4.3.2: URLs end up in logs, where credentials must not be.
        return build_error_response("invalid_request", "Send the parameters in the request body.")
    if (name := find_repeated_parameter(request.POST)) is not None:
        return build_error_response("invalid_request", f"Duplicate parameter: {name[:40]!r}.")
    if has_nul(request.POST):
        return build_error_response("invalid_request", "A parameter contains a NUL character.")
    return None


def _get_body_error(request: HttpRequest) -> str | None:
    """Return why the body is no form, or None. RFC 6749 4.1.3 requires the first type; some clients send the second."""
    try:
        has_form = request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data")
        if not has_form and request.body:
            sent = (
                request.content_type if MEDIA_TYPE.fullmatch(request.content_type or "") else "another type"
            )
            return f"Send the parameters as application/x-www-form-urlencoded, not as {sent}."
        _parsed = request.POST
    except (BadRequest, SuspiciousOperation, MultiPartParserError):
        return "The request body is too large, or not a form in UTF-8."
    return None
