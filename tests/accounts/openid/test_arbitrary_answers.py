"""Whatever a provider sends, the client returns an identity or raises OpenIDError."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.openid.errors import OpenIDError
from accounts.openid.id_token import Expectation, select_key, validate_id_token
from accounts.openid.provider import parse_metadata
from tests.accounts.openid.provider_process import KEYS, Behavior, encode_part, sign

ISSUER, CLIENT = "https://id.example", "picard"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
KEY_FIELDS = ("kty", "n", "e", "kid", "use", "alg", "crv", "x", "y")
CLAIMS = ("iss", "sub", "aud", "exp", "iat", "nonce", "azp", "nbf", "auth_time", "at_hash", "jti")
METADATA = (
    "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "response_types_supported",
    "token_endpoint_auth_methods_supported", "claims_supported", "authorization_response_iss_parameter_supported",
)  # fmt: skip
PUBLIC_KEY = KEYS["first"].as_dict(private=False) | {"kid": "first"}
EXAMPLES = 40


def expect() -> Expectation:
    return Expectation(ISSUER, CLIENT, "nonce", time.time(), "token", must_reauthenticate=True)


def build_claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "sub": "ada",
        "aud": CLIENT,
        "exp": now + 60,
        "iat": now,
        "auth_time": now,
        "nonce": "nonce",
    }


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.sampled_from(CLAIMS), JSON, min_size=1, max_size=3))
def test_claims_of_any_kind_are_validated(changes: dict[str, Any]) -> None:
    token = sign({"alg": "RS256", "kid": "first"}, build_claims() | changes, Behavior())
    with suppress(OpenIDError):
        claims = validate_id_token(token, expect(), lambda _: [PUBLIC_KEY])
        assert claims["iss"] == ISSUER
        assert claims["aud"] in (CLIENT, [CLIENT])
        assert claims["nonce"] == "nonce"


def test_unchanged_claims_are_valid() -> None:
    token = sign({"alg": "RS256", "kid": "first"}, build_claims(), Behavior())
    assert validate_id_token(token, expect(), lambda _: [PUBLIC_KEY])["sub"] == "ada"


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=60) | JSON.map(lambda value: f"{encode_part(json.dumps(value).encode())}.e30.YQ"))
def test_tokens_of_any_form_are_rejected(token: str) -> None:
    with pytest.raises(OpenIDError):
        validate_id_token(token, expect(), lambda _: [PUBLIC_KEY])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEY_FIELDS), JSON, max_size=6), max_size=3))
def test_keys_of_any_form_verify_nothing(keys: list[dict[str, Any]]) -> None:
    token = sign({"alg": "RS256"}, build_claims(), Behavior())
    made_up = [{"kty": "RSA"} | key for key in keys]
    select_key(made_up, {"alg": "RS256"})
    with pytest.raises(OpenIDError):
        validate_id_token(token, expect(), lambda _: made_up)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(st.sampled_from(METADATA), JSON))
def test_metadata_of_any_form_are_rejected(changes: dict[str, Any]) -> None:
    with pytest.raises(OpenIDError):
        parse_metadata({"issuer": ISSUER} | changes | {"token_endpoint": "x"}, ISSUER)
