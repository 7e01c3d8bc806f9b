"""What apps ask wrongly, counted for their developers. Nothing that was sent is kept: no address, code or secret."""

import json
from collections.abc import Iterable
from datetime import timedelta

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from oauthlib.oauth2.rfc6749 import errors

from oauth import client_secrets
from oauth.error_hints import ErrorKind
from oauth.models import Application, Mistake

RETENTION = timedelta(days=30)  # after it was last made

# Why a grant is refused, in the answer and for the console alike: whoever shows a code or a token may know what it is.
KIND_BY_DESCRIPTION = {
    "The code has expired; it holds for 60 seconds.": ErrorKind.CODE_EXPIRED,
    "The code was used before.": ErrorKind.CODE_USED,
    "The code is unknown, or another app's.": ErrorKind.CODE,
    "The code_verifier does not match the code_challenge.": ErrorKind.VERIFIER,
    "The refresh token is unknown, used, expired or revoked.": ErrorKind.REFRESH,
    "The person's permission has ended.": ErrorKind.ENDED,
    "A refresh cannot ask for more than was granted.": ErrorKind.WIDER,
    # oauthlib's own
    errors.MissingCodeVerifierError.description: ErrorKind.VERIFIER,
    errors.MismatchingRedirectURIError.description: ErrorKind.REDIRECT,
    errors.InvalidRedirectURIError.description: ErrorKind.REDIRECT,
    errors.MissingRedirectURIError.description: ErrorKind.REDIRECT,
    errors.MissingCodeChallengeError.description: ErrorKind.CHALLENGE,
    errors.UnsupportedCodeChallengeMethodError.description: ErrorKind.CHALLENGE,
    "code_challenge must be an S256 challenge.": ErrorKind.CHALLENGE,
    "The only response_mode is query.": ErrorKind.RESPONSE_TYPE,
}
DESCRIPTIONS = {
    kind: words for words, kind in reversed(KIND_BY_DESCRIPTION.items())
}  # the first of each kind is ours
KIND_BY_ERROR = {
    "invalid_scope": ErrorKind.SCOPE,
    "invalid_target": ErrorKind.RESOURCE,
    "invalid_client": ErrorKind.SECRET,
    "invalid_grant": ErrorKind.REFRESH,
    "unsupported_grant_type": ErrorKind.GRANT_TYPE,
    "unsupported_response_type": ErrorKind.RESPONSE_TYPE,
    "unauthorized_client": ErrorKind.RESPONSE_TYPE,
}
# Only for an app that a person registered by hand: any other has no console to show it in. A row a kind bounds them.
RECORD_SQL = """
insert into oauth_mistake (application_id, kind, times, first_at, last_at)
select id, %s, 1, statement_timestamp(), statement_timestamp()
from oauth_application where client_id = %s and user_id is not null
on conflict (application_id, kind) do update
set times = least(oauth_mistake.times + 1, 1000000), last_at = excluded.last_at
"""


def build_invalid_grant_error(kind: ErrorKind, request: object = None) -> errors.InvalidGrantError:
    """A grant that is refused, saying why."""
    return errors.InvalidGrantError(description=DESCRIPTIONS[kind], request=request)


def record_client_error(client_id: str | None, kind: ErrorKind) -> None:
    """Count it. Not within a transaction that goes on, for everybody who makes the same mistake waits for its end."""
    if client_id and "\0" not in client_id:
        with connection.cursor() as cursor:
            cursor.execute(RECORD_SQL, [kind.value, client_id])


def record_authorization_error(request: HttpRequest, error: str, description: str | None) -> None:
    """What was wrong with an authorization request."""
    client_id, kind = request.GET.get("client_id", ""), classify_error(error, description)
    if kind == ErrorKind.REDIRECT and "\0" not in client_id:
        known = Application.objects.filter(client_id=client_id).first()
        kind = classify_redirect_mismatch(
            request.GET.get("redirect_uri", ""), known.redirect_uris.split() if known else ()
        )
    record_client_error(client_id, kind)


def record_token_error(request: HttpRequest, response: HttpResponse) -> None:
    """What the token endpoint refused, if it did."""
    if response.status_code < 400:
        return
    said = json.loads(response.content)
    client_id, secret = _extract_credentials(request)
    kind = classify_error(said["error"], said.get("error_description"))
    if kind == ErrorKind.SECRET and not secret:
        kind = ErrorKind.SECRET_MISSING
    record_client_error(client_id, kind)


def classify_error(error: str, description: str | None) -> ErrorKind:
    return KIND_BY_DESCRIPTION.get(description or "") or KIND_BY_ERROR.get(error, ErrorKind.OTHER)


def classify_redirect_mismatch(asked: str, registered: Iterable[str]) -> ErrorKind:
    """From the address that comes nearest."""
    plain = {uri.rstrip("/"): uri for uri in registered}
    if asked.rstrip("/") in plain:
        return ErrorKind.REDIRECT_SLASH
    other = (
        asked.replace("http:", "https:", 1)
        if asked.startswith("http:")
        else asked.replace("https:", "http:", 1)
    )
    return ErrorKind.REDIRECT_SCHEME if other in plain.values() else ErrorKind.REDIRECT


def list_client_errors(application: Application) -> QuerySet[Mistake]:
    """The latest first."""
    found: QuerySet[Mistake] = Mistake.objects.filter(application=application).order_by("-last_at")
    return found


def delete_client_errors(application: Application) -> None:
    list_client_errors(application).delete()


def purge_client_errors() -> int:
    """Those that were not made again for KEPT; returns how many."""
    return int(Mistake.objects.filter(last_at__lt=Now() - RETENTION).delete()[0])


def _extract_credentials(request: HttpRequest) -> tuple[str, str]:
    """Client id and secret, as the request says them; either may be empty."""
    scheme, _blank, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request.POST.get("client_id", ""), request.POST.get("client_secret", "")
    client_id, secret = client_secrets.parse_basic_credentials(encoded) or ("", None)
    return client_id, secret or ""
