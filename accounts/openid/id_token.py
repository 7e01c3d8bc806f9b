"""Validation of ID tokens (OpenID Connect Core 3.1.3.7). The signature is always checked, also of direct responses."""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import jwt

from accounts.openid.errors import OpenIDError
from accounts.openid.provider import Json

KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}  # the accepted algorithms
CURVE = "P-256"
MIN_RSA_BITS = 2_048
LEEWAY_S = 60
MAX_TOKEN_CHARACTERS = 20_000
MAX_SUBJECT_CHARACTERS = 255
REQUIRED = ["iss", "sub", "aud", "exp", "iat", "nonce"]


@dataclass(frozen=True)
class Expectation:
    """What the ID token of one log-in must say. must_reauthenticate: the user logs in at the provider anew."""

    issuer: str
    client_id: str
    nonce: str
    requested_at: float
    access_token: str
    must_reauthenticate: bool = False
    announces_auth_time: bool = False


def validate_id_token(
    token: str, expected: Expectation, fetch_keys: Callable[[bool], Sequence[Json]]
) -> dict[str, object]:
    """Return the claims. fetch_keys: returns the provider's keys, anew if the argument is true. Raises OpenIDError."""
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise OpenIDError("id_token_too_large")
    header = _read_header(token)
    key = select_key(fetch_keys(False), header) or select_key(fetch_keys(True), header)
    if key is None:
        raise OpenIDError("id_token_unknown_key")
    claims = _verify(token, str(header["alg"]), key, expected.issuer)
    _check_audience(claims, expected.client_id)
    _check_nonce(claims, expected)
    _check_times(claims, expected)
    subject = claims["sub"]
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS
        or not subject.isascii()
    ):
        raise OpenIDError("id_token_subject")
    if "at_hash" in claims and not _is_equal(claims["at_hash"], hash_access_token(expected.access_token)):
        raise OpenIDError("id_token_access_token")
    return claims


def select_key(keys: Sequence[Json], header: Json) -> Json | None:
    """Return the one key that may have signed a token with this header, None if there is none or more than one."""
    algorithm, key_id = header.get("alg"), header.get("kid")
    fitting = [
        key
        for key in keys
        if key.get("kty") == KEY_TYPES.get(str(algorithm), "")
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (algorithm != "ES256" or key.get("crv") == CURVE)
        and (key_id is None or key.get("kid") == key_id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def hash_access_token(access_token: str) -> str:
    """Return the at_hash of an access token (3.1.3.6) for algorithms with SHA-256."""
    half = sha256(access_token.encode()).digest()[:16]
    return urlsafe_b64encode(half).rstrip(b"=").decode()


# --- Private ------------------------------------------------------------------------------------------


def _read_header(token: str) -> Json:
    try:
        header: Json = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise OpenIDError("id_token_format") from None
    if header.get("alg") not in KEY_TYPES or "crit" in header:
        raise OpenIDError("id_token_algorithm")
    return header


def _verify(token: str, algorithm: str, key: Json, issuer: str) -> dict[str, object]:
    """Check signature, issuer and times. PyJWT decides only these; the audience is checked more strictly."""
    try:
        parsed = jwt.PyJWK(dict(key), algorithm=algorithm)
        if getattr(parsed.key, "key_size", MIN_RSA_BITS) < MIN_RSA_BITS and KEY_TYPES[algorithm] == "RSA":
            raise OpenIDError("id_token_weak_key")
        claims: dict[str, object] = jwt.decode(
            token,
            parsed.key,
            algorithms=[algorithm],
            issuer=issuer,
            leeway=LEEWAY_S,
            options={"require": REQUIRED, "verify_aud": False},
        )
    except jwt.InvalidIssuerError:
        raise OpenIDError("id_token_issuer") from None
    except jwt.InvalidSignatureError:
        raise OpenIDError("id_token_signature") from None
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        raise OpenIDError("id_token_time") from None
    except jwt.MissingRequiredClaimError:
        raise OpenIDError("id_token_claims") from None
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        raise OpenIDError("id_token_format") from None
    return claims


def _check_audience(claims: Json, client_id: str) -> None:
    """Accept this client alone: no other audience is trusted (step 3), and `azp` must not name another (step 5)."""
    if claims["aud"] not in (client_id, [client_id]) or claims.get("azp", client_id) != client_id:
        raise OpenIDError("id_token_audience")


def _check_nonce(claims: Json, expected: Expectation) -> None:
    if not _is_equal(claims["nonce"], expected.nonce):
        raise OpenIDError("id_token_nonce")


def _check_times(claims: Json, expected: Expectation) -> None:
    """Reject a token from before the request, and a log-in at the provider from before it if a new one is needed.

    A provider that never tells the time of the log-in (as Google) is believed without it.
    """
    earliest = expected.requested_at - LEEWAY_S
    issued_at, auth_time = claims["iat"], claims.get("auth_time")
    if not _is_number(issued_at) or issued_at < earliest or issued_at > time.time() + LEEWAY_S:  # type: ignore[operator]
        raise OpenIDError("id_token_time")
    if not expected.must_reauthenticate or (auth_time is None and not expected.announces_auth_time):
        return
    if not _is_number(auth_time) or auth_time < earliest:  # type: ignore[operator]
        raise OpenIDError("id_token_auth_time")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_equal(value: object, expected: str) -> bool:
    return (
        isinstance(value, str) and value.isascii() and hmac.compare_digest(value.encode(), expected.encode())
    )
