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
from oauth.error_hints import Kind
from oauth.models import Application, Mistake

KEPT = timedelta(days=30)  # after it was last made

# Why a grant is refused, in the answer and for the console alike: whoever shows a code or a token may know what it is.
BY_DESCRIPTION = {
    "The code has expired; it holds for 60 seconds.": Kind.CODE_EXPIRED,
    "The code was used before.": Kind.CODE_USED,
    "The code is unknown, or another app's.": Kind.CODE,
    "The code_verifier does not match the code_challenge.": Kind.VERIFIER,
    "The refresh token is unknown, used, expired or revoked.": Kind.REFRESH,
    "The person's permission has ended.": Kind.ENDED,
    "A refresh cannot ask for more than was granted.": Kind.WIDER,
    # oauthlib's own
    errors.MissingCodeVerifierError.description: Kind.VERIFIER,
    errors.MismatchingRedirectURIError.description: Kind.REDIRECT,
    errors.InvalidRedirectURIError.description: Kind.REDIRECT,
    errors.MissingRedirectURIError.description: Kind.REDIRECT,
    errors.MissingCodeChallengeError.description: Kind.CHALLENGE,
    errors.UnsupportedCodeChallengeMethodError.description: Kind.CHALLENGE,
    "code_challenge must be an S256 challenge.": Kind.CHALLENGE,
    "The only response_mode is query.": Kind.RESPONSE_TYPE,
}
DESCRIPTIONS = {
    kind: words for words, kind in reversed(BY_DESCRIPTION.items())
}  # the first of each kind is ours
BY_ERROR = {
    "invalid_scope": Kind.SCOPE,
    "invalid_target": Kind.RESOURCE,
    "invalid_client": Kind.SECRET,
    "invalid_grant": Kind.REFRESH,
    "unsupported_grant_type": Kind.GRANT_TYPE,
    "unsupported_response_type": Kind.RESPONSE_TYPE,
    "unauthorized_client": Kind.RESPONSE_TYPE,
}
# Only for an app that a person registered by hand: any other has no console to show it in. A row a kind bounds them.
NOTE = """
insert into oauth_mistake (application_id, kind, times, first_at, last_at)
select id, %s, 1, statement_timestamp(), statement_timestamp()
from oauth_application where client_id = %s and user_id is not null
on conflict (application_id, kind) do update
set times = least(oauth_mistake.times + 1, 1000000), last_at = excluded.last_at
"""


def refusal(kind: Kind, request: object = None) -> errors.InvalidGrantError:
    """A grant that is refused, saying why."""
    return errors.InvalidGrantError(description=DESCRIPTIONS[kind], request=request)


def note(client_id: str | None, kind: Kind) -> None:
    """Count it. Not within a transaction that goes on, for everybody who makes the same mistake waits for its end."""
    if client_id and "\0" not in client_id:
        with connection.cursor() as cursor:
            cursor.execute(NOTE, [kind.value, client_id])


def note_question(request: HttpRequest, error: str, description: str | None) -> None:
    """What was wrong with an authorization request."""
    client_id, kind = request.GET.get("client_id", ""), kind_of(error, description)
    if kind == Kind.REDIRECT and "\0" not in client_id:
        known = Application.objects.filter(client_id=client_id).first()
        kind = how_it_differs(
            request.GET.get("redirect_uri", ""), known.redirect_uris.split() if known else ()
        )
    note(client_id, kind)


def note_answer(request: HttpRequest, response: HttpResponse) -> None:
    """What the token endpoint refused, if it did."""
    if response.status_code < 400:
        return
    said = json.loads(response.content)
    client_id, secret = _shown(request)
    kind = kind_of(said["error"], said.get("error_description"))
    if kind == Kind.SECRET and not secret:
        kind = Kind.SECRET_MISSING
    note(client_id, kind)


def kind_of(error: str, description: str | None) -> Kind:
    return BY_DESCRIPTION.get(description or "") or BY_ERROR.get(error, Kind.OTHER)


def how_it_differs(asked: str, registered: Iterable[str]) -> Kind:
    """From the address that comes nearest."""
    plain = {uri.rstrip("/"): uri for uri in registered}
    if asked.rstrip("/") in plain:
        return Kind.REDIRECT_SLASH
    other = (
        asked.replace("http:", "https:", 1)
        if asked.startswith("http:")
        else asked.replace("https:", "http:", 1)
    )
    return Kind.REDIRECT_SCHEME if other in plain.values() else Kind.REDIRECT


def made_by(application: Application) -> QuerySet[Mistake]:
    """The latest first."""
    found: QuerySet[Mistake] = Mistake.objects.filter(application=application).order_by("-last_at")
    return found


def forget(application: Application) -> None:
    made_by(application).delete()


def purge() -> int:
    """Those that were not made again for KEPT; returns how many."""
    return int(Mistake.objects.filter(last_at__lt=Now() - KEPT).delete()[0])


def _shown(request: HttpRequest) -> tuple[str, str]:
    """Client id and secret, as the request says them; either may be empty."""
    scheme, _blank, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request.POST.get("client_id", ""), request.POST.get("client_secret", "")
    client_id, secret = client_secrets.of_basic(encoded) or ("", None)
    return client_id, secret or ""
