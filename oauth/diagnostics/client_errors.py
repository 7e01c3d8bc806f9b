"""Counts of clients' errors, for their developers. No content of a request is stored: no URL, code or secret."""

import json
from collections.abc import Iterable
from datetime import timedelta

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from oauthlib.oauth2.rfc6749 import errors

from oauth import client_assertions, client_secrets
from oauth.error_hints import ErrorKind
from oauth.models import Application, Mistake

RETENTION = timedelta(days=30)  # since the last occurrence

# By error description, which is sent to the client too: whoever has a code or token may know why it was rejected.
KIND_BY_DESCRIPTION = {
    "The code has expired. Codes are valid for 60 seconds.": ErrorKind.CODE_EXPIRED,
    "The code was already used.": ErrorKind.CODE_USED,
    "The code is unknown or was issued to another client.": ErrorKind.CODE,
    "The code_verifier does not match the code_challenge.": ErrorKind.VERIFIER,
    "The device code is unknown, used, or was issued to another client.": ErrorKind.DEVICE_CODE,
    "The refresh token is unknown, used, expired or revoked.": ErrorKind.REFRESH,
    "The user has disconnected the app, or its access has expired.": ErrorKind.ENDED,
    "The requested scope exceeds the scope granted by the user.": ErrorKind.WIDER,
    # oauthlib's descriptions
    errors.MissingCodeVerifierError.description: ErrorKind.VERIFIER,
    errors.MismatchingRedirectURIError.description: ErrorKind.REDIRECT,
    errors.InvalidRedirectURIError.description: ErrorKind.REDIRECT,
    errors.MissingRedirectURIError.description: ErrorKind.REDIRECT,
    errors.MissingCodeChallengeError.description: ErrorKind.CHALLENGE,
    errors.UnsupportedCodeChallengeMethodError.description: ErrorKind.CHALLENGE,
    "code_challenge must be an S256 challenge.": ErrorKind.CHALLENGE,
    "response_mode must be query.": ErrorKind.RESPONSE_TYPE,
}
# The first description of each kind, which is ours.
DESCRIPTIONS = {kind: text for text, kind in reversed(KIND_BY_DESCRIPTION.items())}
KIND_BY_ERROR = {
    "invalid_scope": ErrorKind.SCOPE,
    "invalid_target": ErrorKind.RESOURCE,
    "invalid_client": ErrorKind.SECRET,
    "invalid_grant": ErrorKind.REFRESH,
    "expired_token": ErrorKind.DEVICE_EXPIRED,
    "slow_down": ErrorKind.SLOW_DOWN,
    "unsupported_grant_type": ErrorKind.GRANT_TYPE,
    "unsupported_response_type": ErrorKind.RESPONSE_TYPE,
    "unauthorized_client": ErrorKind.RESPONSE_TYPE,
}
ANSWERS = frozenset({"authorization_pending", "access_denied"})  # of a device's user: nobody's error
# Only for apps that a user registered in the console, which shows the errors. One row per app and kind.
RECORD_SQL = """
insert into oauth_mistake (application_id, kind, times, first_at, last_at)
select id, %s, 1, statement_timestamp(), statement_timestamp()
from oauth_application where client_id = %s and user_id is not null and not is_personal_token
on conflict (application_id, kind) do update
set times = least(oauth_mistake.times + 1, 1000000), last_at = excluded.last_at
"""


def build_invalid_grant_error(kind: ErrorKind, request: object = None) -> errors.InvalidGrantError:
    """Return invalid_grant with the description of this kind."""
    return errors.InvalidGrantError(description=DESCRIPTIONS[kind], request=request)


def record_client_error(client_id: str | None, kind: ErrorKind) -> None:
    """Count the error. Not in a long transaction, because concurrent requests with the same error wait for it."""
    if client_id and "\0" not in client_id:
        with connection.cursor() as cursor:
            cursor.execute(RECORD_SQL, [kind.value, client_id])


def record_authorization_error(request: HttpRequest, error: str, description: str | None) -> ErrorKind:
    """Count an error of an authorization request, and return its kind."""
    client_id, kind = request.GET.get("client_id", ""), classify_error(error, description)
    if kind == ErrorKind.REDIRECT:
        client = Application.find_client(client_id)
        kind = classify_redirect_mismatch(
            request.GET.get("redirect_uri", ""), client.redirect_uris.split() if client else ()
        )
    record_client_error(client_id, kind)
    return kind


def record_token_error(request: HttpRequest, response: HttpResponse) -> None:
    """Count the error if the response of an endpoint is one."""
    if response.status_code < 400:
        return
    body = json.loads(response.content)
    if body["error"] in ANSWERS:
        return
    client_id, secret = _extract_credentials(request)
    kind = classify_error(body["error"], body.get("error_description"))
    if kind == ErrorKind.SECRET and not secret:
        kind = ErrorKind.SECRET_MISSING
    record_client_error(client_id, kind)


def describe_client_error(request: HttpRequest) -> str:
    """Return why a client is not authenticated. Client ids are public, so this may say whether one exists."""
    client_id, secret = _extract_credentials(request)
    if not client_id:
        return "The client_id is missing or malformed. Send it in the body, or with HTTP Basic."
    if request.POST.get("client_id") not in (None, "", client_id):
        return "The client_id in the body differs from the one in the Authorization header."
    client = Application.find_client(client_id)
    if client is None:
        return "This client is unknown here, or was deleted. Register it again."
    if client.is_public:
        return "This client has no secret, which this endpoint requires."
    return "The client secret is wrong." if secret else "The client secret is missing."


def classify_error(error: str, description: str | None) -> ErrorKind:
    return KIND_BY_DESCRIPTION.get(description or "") or KIND_BY_ERROR.get(error, ErrorKind.OTHER)


def classify_redirect_mismatch(requested: str, registered: Iterable[str]) -> ErrorKind:
    """Return how the requested redirect URI differs from the most similar registered one."""
    by_stripped = {uri.rstrip("/"): uri for uri in registered}
    if requested.rstrip("/") in by_stripped:
        return ErrorKind.REDIRECT_SLASH
    other_scheme = (
        requested.replace("http:", "https:", 1)
        if requested.startswith("http:")
        else requested.replace("https:", "http:", 1)
    )
    return ErrorKind.REDIRECT_SCHEME if other_scheme in by_stripped.values() else ErrorKind.REDIRECT


def list_client_errors(application: Application) -> QuerySet[Mistake]:
    """Return the errors of an app, latest first."""
    client_errors: QuerySet[Mistake] = Mistake.objects.filter(application=application).order_by("-last_at")
    return client_errors


def delete_client_errors(application: Application) -> None:
    list_client_errors(application).delete()


def purge_client_errors() -> int:
    """Delete errors that did not occur for RETENTION; return their number."""
    return int(Mistake.objects.filter(last_at__lt=Now() - RETENTION).delete()[0])


def _extract_credentials(request: HttpRequest) -> tuple[str, str]:
    """Return client id and secret of the request; either may be empty."""
    basic = client_secrets.parse_basic_header(request.headers.get("Authorization", ""))
    if basic is not None:
        return basic[0], basic[1] or ""
    form = request.POST
    client_id = form.get("client_id") or client_assertions.get_client_id(form.get("client_assertion", ""))
    return client_id, form.get("client_secret", "")
