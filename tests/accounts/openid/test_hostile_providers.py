"""A hostile provider, or one that somebody stands before, gets nowhere: nobody is logged in and no account appears."""

import socket
import time
from threading import Event
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.openid import id_token
from accounts.openid import provider as provider_module
from accounts.openid.errors import OpenIDError
from core.network.outgoing_http import RESOLVERS
from oauth.registration.metadata_documents import MetadataDocumentError, MetadataDocumentFetcher
from tests.accounts.openid.provider import START, ProviderProcess, get_error_code, log_in
from tests.accounts.sessions.test_sessions import is_logged_in

pytestmark = pytest.mark.django_db
KEYS, TOKEN, USERINFO = "/keys", "/token", "/userinfo"
METADATA = "/.well-known/openid-configuration"
HOUR_AGO = "-3700"


def refuse(provider: ProviderProcess, **behavior: Any) -> str:
    """Try to log in; return the code of the failure. Nothing may have changed."""
    provider.behave(**behavior)
    browser = Client()
    code = get_error_code(log_in(browser))
    assert not is_logged_in(browser)
    assert not User.objects.exists()
    return code


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.2")
@pytest.mark.parametrize("issuer", ["https://other.example", "own/", None, 7, ["own"]])
def test_id_token_of_another_issuer_is_rejected(issuer: Any, provider: ProviderProcess) -> None:
    named = provider.issuer + "/" if issuer == "own/" else [provider.issuer] if issuer == ["own"] else issuer
    assert refuse(provider, claims={"iss": named}) in (
        "id_token_issuer",
        "id_token_claims",
        "id_token_format",
    )


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.3")
@pytest.mark.parametrize(
    "audience", ["another", ["another"], ["picard & co", "another"], [], None, {"picard & co": 1}, "picard"]
)
def test_id_token_for_another_audience_is_rejected(audience: Any, provider: ProviderProcess) -> None:
    assert refuse(provider, claims={"aud": audience}) in (
        "id_token_audience",
        "id_token_claims",
        "id_token_format",
    )


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.5")
@pytest.mark.parametrize("party", ["another", "", 1])
def test_id_token_authorized_for_another_party_is_rejected(party: Any, provider: ProviderProcess) -> None:
    assert refuse(provider, claims={"azp": party}) == "id_token_audience"


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.6")
def test_signature_is_checked_although_the_response_is_direct(provider: ProviderProcess) -> None:
    assert refuse(provider, signer="second") == "id_token_signature"


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.7")
@pytest.mark.parametrize(
    "behavior",
    [
        {"algorithm": "none"},
        {"algorithm": "HS256", "signer": "shared", "published": [["shared", "first"]]},
        {"algorithm": "RS512"},
        {"algorithm": "PS256"},
        {"header": {"crit": ["exp"]}},
    ],
    ids=["none", "shared secret", "RS512", "PS256", "critical extension"],
)
def test_only_two_algorithms_are_accepted(behavior: dict[str, Any], provider: ProviderProcess) -> None:
    assert refuse(provider, **behavior) in ("id_token_algorithm", "id_token_format")


@pytest.mark.compliance("OpenID Connect Core", "10.1")
@pytest.mark.parametrize(
    "behavior",
    [
        {"key_id": "unknown"},
        {"published": [["first", "first"], ["second", "first"]]},
        {"published": [["first", "first", "use=enc"]]},
        {"published": [["first", "first", "alg=RS512"]]},
        {"published": [["curve", "first"]]},
        {"published": []},
        {"key_id": None, "published": [["first", "first"], ["second", "second"]]},
        {"algorithm": "ES256", "signer": "curve", "key_id": "first"},
        {"algorithm": "RS256", "key_id": "curve"},
    ],
    ids=[
        "unknown", "two of one id", "for encryption", "other algorithm", "other type", "none", "no id",
        "RSA for ES256", "EC for RS256",
    ],
)  # fmt: skip
def test_mixed_keys_are_rejected(behavior: dict[str, Any], provider: ProviderProcess) -> None:
    assert refuse(provider, **behavior) == "id_token_unknown_key"


def test_keys_that_the_token_names_itself_are_ignored(provider: ProviderProcess) -> None:
    named = {
        "jwk": {"kty": "oct", "k": "c2VjcmV0"},
        "jku": f"{provider.issuer}/other",
        "x5u": "https://evil.example/",
    }
    assert refuse(provider, signer="second", header=named) == "id_token_signature"
    assert not provider.list_received("/other")


def test_weak_key_is_rejected(provider: ProviderProcess) -> None:
    assert refuse(provider, signer="weak", key_id="weak", published=[["weak", "weak"]]) == "id_token_weak_key"


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.9")
@pytest.mark.parametrize(
    "claims", [{"exp": HOUR_AGO}, {"exp": "0"}, {"exp": None}, {"exp": True}, {"exp": 1e400}]
)
def test_expired_id_token_is_rejected(claims: dict[str, Any], provider: ProviderProcess) -> None:
    assert refuse(provider, claims=claims) in ("id_token_time", "id_token_claims", "id_token_format")


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.10")
@pytest.mark.parametrize(
    "claims", [{"iat": "-120"}, {"iat": "+3700"}, {"iat": None}, {"iat": "x"}, {"nbf": 4e9}]
)
def test_id_token_from_another_time_is_rejected(claims: dict[str, Any], provider: ProviderProcess) -> None:
    assert refuse(provider, claims=claims) in ("id_token_time", "id_token_claims", "id_token_format")


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.7.11")
@pytest.mark.parametrize("nonce", ["another", None, "", 7, "\ud800"])
def test_nonce_of_another_request_is_rejected(nonce: Any, provider: ProviderProcess) -> None:
    assert refuse(provider, claims={"nonce": nonce}) in ("id_token_nonce", "id_token_claims")


def test_id_token_of_an_earlier_log_in_is_rejected(provider: ProviderProcess) -> None:
    provider.behave()
    assert log_in(Client()).status_code == 302
    provider.behave(keep=True, replays_first_token=True)
    browser = Client()
    assert get_error_code(log_in(browser)) == "id_token_nonce"
    assert not is_logged_in(browser)


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.8")
@pytest.mark.parametrize(
    "behavior", [{"claims": {"at_hash": "other"}}, {"tokens": {"access_token": "other"}}]
)
def test_access_token_of_somebody_else_is_rejected(
    behavior: dict[str, Any], provider: ProviderProcess
) -> None:
    assert refuse(provider, **behavior) == "id_token_access_token"


@pytest.mark.compliance("OpenID Connect Core", "5.3.2")
@pytest.mark.parametrize("subject", ["bob-1", None, 7, ""])
def test_userinfo_of_another_subject_is_rejected(subject: Any, provider: ProviderProcess) -> None:
    behavior = {"claims_only_in_userinfo": True, "userinfo": {"sub": subject}}
    assert refuse(provider, **behavior) == "userinfo_of_other_subject"


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256, "ä", ["ada-1"]])
def test_subject_that_is_no_subject_is_rejected(subject: Any, provider: ProviderProcess) -> None:
    assert refuse(provider, claims={"sub": subject}) in (
        "id_token_subject",
        "id_token_claims",
        "id_token_format",
    )


@pytest.mark.compliance("OpenID Connect Core", "3.1.3.5")
@pytest.mark.parametrize(
    "behavior",
    [
        {"tokens": {"id_token": None}},
        {"tokens": {"id_token": 7}},
        {"tokens": {"id_token": "a.b.c"}},
        {"tokens": {"id_token": "x" * 30_000}},
        {"tokens": {"access_token": None}},
        {"claims_only_in_userinfo": True, "tokens": {"access_token": "x\r\nHost: evil"}, "claims": {"at_hash": None}},
        {"statuses": {TOKEN: 500}},
        {"redirects": {TOKEN: "/userinfo"}},
        {"statuses": {KEYS: 404}},
        {"redirects": {USERINFO: "/"}, "claims_only_in_userinfo": True},
    ],
)  # fmt: skip
def test_malformed_answers_and_redirects_are_rejected(
    behavior: dict[str, Any], provider: ProviderProcess
) -> None:
    refuse(provider, **behavior)


@pytest.mark.parametrize("path", [TOKEN, KEYS, USERINFO])
def test_huge_answer_is_cut_off(path: str, provider: ProviderProcess) -> None:
    code = refuse(provider, huge=[path], claims_only_in_userinfo=path == USERINFO)
    assert code.endswith("_too_large")


@pytest.mark.parametrize("path", [TOKEN, KEYS, USERINFO, METADATA])
def test_slow_answer_is_cut_off(
    path: str, provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One deadline covers all requests of a log-in, even while bytes still arrive. Then the provider is left alone."""
    monkeypatch.setattr(provider_module, "TOTAL_S", 0.3)
    provider.behave(slow=[path], claims_only_in_userinfo=path == USERINFO)
    browser = Client()
    response = browser.post(START)
    if path != METADATA:
        assert get_error_code(log_in(browser)) == "unreachable"
        response = browser.post(START, headers={"accept": "text/html"})
        assert response.status_code == 200  # the metadata are known
    else:
        assert get_error_code(response) == "unreachable"
        asked = len(provider.list_received(METADATA))
        assert get_error_code(browser.post(START)) == "unreachable"
        assert len(provider.list_received(METADATA)) == asked
    assert not User.objects.exists()


def test_log_ins_that_wait_for_the_provider_are_few(
    provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a slow provider could block every thread of the server."""
    monkeypatch.setattr(provider_module, "SLOT_WAIT_S", 0.01)
    configured = provider_module.get_provider(provider.settings)
    with configured.conversation(), configured.conversation():
        assert get_error_code(Client().post(START)) == "busy"
    assert Client().post(START).status_code == 303


def test_name_servers_of_strangers_delay_no_log_in(
    provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Any user can make this server look up a host, as that of an app's metadata document."""
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_FETCH_TIMEOUT_SECONDS": 0.05}
    monkeypatch.setattr(provider_module, "TOTAL_S", 1.0)
    answered, look_up = Event(), socket.getaddrinfo

    def look_up_slowly(host: str, *given: Any, **options: Any) -> Any:
        return answered.wait(60) if host == "slow.example" else look_up(host, *given, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_slowly)
    for _ in range(RESOLVERS):
        with pytest.raises(MetadataDocumentError):
            MetadataDocumentFetcher().fetch("https://slow.example/client.json")
    assert Client().post(START).status_code == 303
    answered.set()


@pytest.mark.compliance("OpenID Connect Discovery", "4.3")
@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"authorization_endpoint": None},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": "http://10.0.0.1/token"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "https://user@evil.example/"},
        {"jwks_uri": ["x"]},
        {"userinfo_endpoint": 7},
        {"response_types_supported": ["id_token"]},
        {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
        {"token_endpoint_auth_methods_supported": 7},
    ],
)
def test_metadata_that_do_not_hold_start_no_log_in(
    metadata: dict[str, Any], provider: ProviderProcess
) -> None:
    provider.behave(metadata=metadata)
    assert get_error_code(Client().post(START)) in (
        "metadata_of_other_issuer", "invalid_metadata", "no_code_flow", "no_client_secret",
    )  # fmt: skip


@pytest.mark.parametrize(
    "behavior", [{"statuses": {METADATA: 500}}, {"redirects": {METADATA: "/keys"}}, {"huge": [METADATA]}]
)
def test_metadata_that_cannot_be_read_start_no_log_in(
    behavior: dict[str, Any], provider: ProviderProcess
) -> None:
    provider.behave(**behavior)
    assert get_error_code(Client().post(START)).startswith("metadata_")


def test_provider_elsewhere_cannot_name_this_machine() -> None:
    document = {
        "issuer": "https://id.example",
        "authorization_endpoint": "https://id.example/a",
        "token_endpoint": "https://id.example/t",
        "jwks_uri": "http://127.0.0.1:5432/",
    }
    with pytest.raises(OpenIDError, match="invalid_metadata"):
        provider_module.parse_metadata(document, "https://id.example")


@pytest.mark.compliance("OpenID Connect Core", "10.1.1")
def test_rotated_keys_are_fetched_again(provider: ProviderProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    assert log_in(Client()).status_code == 302
    provider.behave(keep=True, signer="second", key_id="second", published=[["second", "second"]])
    assert get_error_code(log_in(Client())) == "id_token_unknown_key"  # fetched just now
    monkeypatch.setattr(provider_module, "KEY_REFRESH_S", 0.0)
    assert log_in(Client())["Location"] == "/memories/"
    assert log_in(Client())["Location"] == "/memories/"
    assert len(provider.list_received(KEYS)) == 2


@pytest.mark.parametrize("key_id", ["curve", None])
def test_elliptic_curves_are_accepted_too(
    key_id: str | None, provider: ProviderProcess, client: Client
) -> None:
    provider.behave(algorithm="ES256", signer="curve", key_id=key_id)
    assert log_in(client)["Location"] == "/memories/"


def test_clock_that_is_a_minute_off_does_not_matter(provider: ProviderProcess, client: Client) -> None:
    provider.behave(claims={"iat": "+50", "auth_time": int(time.time())})
    assert log_in(client)["Location"] == "/memories/"


def test_accepted_algorithms_are_asymmetric() -> None:
    assert set(id_token.KEY_TYPES.values()) == {"RSA", "EC"}
