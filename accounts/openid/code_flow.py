"""The authorization code flow of OpenID Connect (Core 3.1), with PKCE, state and nonce."""

import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode, urlsplit

from allauth.account.internal.emailkit import valid_email_or_none

from accounts.models import MAX_NAME_CHARACTERS
from accounts.openid.config import OpenIDSettings
from accounts.openid.errors import LoginRefused, OpenIDError
from accounts.openid.id_token import Expectation, validate_id_token
from accounts.openid.provider import Conversation, Json, Provider, ProviderMetadata
from core.visible_text import clean_text

SCOPE = "openid email profile"
MAX_CODE_CHARACTERS = 4_096
MAX_EMAIL_CHARACTERS = 254
CANCELLED = "access_denied"


@dataclass(frozen=True)
class Challenge:
    """The secrets of one authorization request, which the browser's session keeps until the response."""

    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(64))
    started_at: float = field(default_factory=time.time)
    must_reauthenticate: bool = False

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Identity:
    """Who logged in at the provider: issuer and subject together are one identity for ever, the address is not.

    name: what the provider calls the user, for the display name of a new account.
    """

    issuer: str
    subject: str
    email: str = ""
    is_email_verified: bool = False
    name: str = ""


def build_authorization_url(
    metadata: ProviderMetadata,
    settings: OpenIDSettings,
    challenge: Challenge,
    *,
    state: str,
    redirect_uri: str,
) -> str:
    """Return the URL at which the user logs in (3.1.2.1)."""
    digest = sha256(challenge.verifier.encode()).digest()
    parameters = {
        "response_type": "code",
        "scope": SCOPE,
        "client_id": settings.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "nonce": challenge.nonce,
        "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **({"max_age": "0"} if challenge.must_reauthenticate else {}),
    }
    url = urlsplit(metadata.authorization_endpoint)
    own = [pair for pair in parse_qsl(url.query, keep_blank_values=True) if pair[0] not in parameters]
    return url._replace(query=urlencode([*own, *parameters.items()])).geturl()


def read_code(parameters: dict[str, list[str]], provider: Provider) -> str:
    """Return the code of an authorization response. Raises LoginRefused if it has an error, and OpenIDError.

    The issuer in it is compared first (RFC 9207 2.4): a response of another provider must not be taken for this one's.
    """
    if any(len(values) > 1 for values in parameters.values()):  # RFC 6749 3.1
        raise OpenIDError("duplicate_parameter")
    values = {name: given[0] for name, given in parameters.items() if given}
    issuer = values.get("iss")
    if issuer is None and provider.get_metadata().sends_issuer:
        raise OpenIDError("response_without_issuer")
    if issuer is not None and issuer != provider.settings.issuer:
        raise OpenIDError("response_of_other_issuer")
    if error := values.get("error"):
        raise LoginRefused("cancelled" if error == CANCELLED else "refused")
    code = values.get("code", "")
    if not 0 < len(code) <= MAX_CODE_CHARACTERS:
        raise OpenIDError("no_code")
    return code


def redeem_code(provider: Provider, challenge: Challenge, code: str, redirect_uri: str) -> Identity:
    """Exchange the code for an ID token, and return the identity that it proves. No token is kept.

    Raises OpenIDError.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": challenge.verifier,
    }
    with provider.conversation() as conversation:
        tokens = conversation.request_tokens(form)
        id_token, access_token = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise OpenIDError("invalid_token_response")
        expected = Expectation(
            provider.settings.issuer,
            provider.settings.client_id,
            challenge.nonce,
            challenge.started_at,
            access_token,
            challenge.must_reauthenticate,
            conversation.fetch_metadata().announces_auth_time,
        )
        claims = validate_id_token(
            id_token, expected, lambda is_refresh: conversation.fetch_keys(is_refresh=is_refresh)
        )
        return _build_identity(conversation, claims, access_token)


# --- Private ------------------------------------------------------------------------------------------


def _build_identity(conversation: Conversation, claims: Json, access_token: str) -> Identity:
    """Take the address from the ID token, or else from the userinfo endpoint if that is about the same subject."""
    subject = str(claims["sub"])
    if "email" not in claims and conversation.fetch_metadata().userinfo_endpoint:
        claims = conversation.request_userinfo(access_token)
        if claims.get("sub") != subject:  # 5.3.2
            raise OpenIDError("userinfo_of_other_subject")
    email = claims.get("email")
    cleaned = valid_email_or_none(email) if _is_short_text(email) else None
    return Identity(
        conversation.settings.issuer,
        subject,
        (cleaned or "").lower(),
        is_email_verified=bool(cleaned) and claims.get("email_verified") is True,
        name=_read_name(claims.get("name")),
    )


def _read_name(claim: object) -> str:
    """Return the claim as a display name, empty if it is none."""
    if not isinstance(claim, str) or len(claim) > MAX_NAME_CHARACTERS:
        return ""
    return " ".join(clean_text(claim).split())


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_EMAIL_CHARACTERS
