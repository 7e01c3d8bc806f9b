"""Half or wrong settings stop the server, and the doctor tries the provider."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from accounts.openid import provider as provider_module
from accounts.openid.config import OpenIDSettings
from picard.config.checks import find_settings_faults
from picard.observability import doctor
from tests.accounts.openid.provider import ProviderProcess

GOOD = {"issuer": "https://id.example/realms/home", "client_id": "picard", "client_secret": "x"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client_secret": ""}, "OIDC_CLIENT_SECRET missing, but OIDC_ISSUER and OIDC_CLIENT_ID are set."),
        (
            {"issuer": "", "client_id": ""},
            "OIDC_ISSUER and OIDC_CLIENT_ID missing, but OIDC_CLIENT_SECRET is set.",
        ),
        ({"issuer": "id.example"}, "not an https URL"),
        ({"issuer": "http://id.example"}, "not an https URL"),
        ({"issuer": "https://id.example/?a=b"}, "not an https URL"),
        ({"issuer": "https://id.example/#a"}, "not an https URL"),
        ({"issuer": "https://me:secret@id.example"}, "not an https URL"),
        ({"name": "x" * 41}, "OIDC_NAME"),
        ({"name": "a\u202eb"}, "OIDC_NAME"),
    ],
)
def test_half_or_wrong_settings_stop_the_server(
    changes: dict[str, str], message: str, settings: Settings
) -> None:
    settings.OPENID = OpenIDSettings(**GOOD | changes)
    [fault] = [each for each in find_settings_faults() if each.id == "picard.E018"]
    assert message in fault.msg
    assert "secret@" not in f"{fault.msg} {fault.hint}"


@pytest.mark.parametrize(
    "changes", [{}, {"issuer": "http://127.0.0.1:8080"}, {"issuer": "https://id.example/o/picard/"}]
)
def test_good_settings_are_accepted(changes: dict[str, str]) -> None:
    assert OpenIDSettings(**GOOD | changes).find_fault() is None
    assert OpenIDSettings().find_fault() is None


def test_secret_is_not_in_the_representation() -> None:
    assert "hidden" not in repr(OpenIDSettings(**GOOD | {"client_secret": "hidden"}))


def test_provider_is_called_by_its_name_or_its_host() -> None:
    assert OpenIDSettings(**GOOD).label == "id.example"
    assert OpenIDSettings(**GOOD, name="Home").label == "Home"
    assert OpenIDSettings(name="Home").label == ""


@pytest.mark.parametrize(
    ("behavior", "state", "said"),
    [
        ({}, "ok", "2 keys; tells when a user logged in"),
        ({"metadata": {"claims_supported": None}}, "ok", "does not tell log-in times"),
        ({"metadata": {"issuer": "https://other.example"}}, "fail", "metadata_of_other_issuer"),
        ({"statuses": {"/keys": 500}}, "fail", "keys_status_500"),
        ({"slow": ["/keys"]}, "fail", "unreachable"),
    ],
)
def test_doctor_asks_the_provider(
    behavior: dict[str, Any],
    state: str,
    said: str,
    provider: ProviderProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provider_module, "TOTAL_S", 0.5)
    provider.behave(**behavior)
    result = doctor.check_openid_provider()
    assert result[0] == state
    assert said in result[1]
    assert "s3cret" not in json.dumps(result)


def test_doctor_is_content_without_a_provider() -> None:
    assert doctor.check_openid_provider()[0] == "ok"
