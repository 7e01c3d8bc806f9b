"""The device flow (RFC 8628): a device asks for codes, its user answers elsewhere, and it gets its tokens once."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from oauth.access import grants
from oauth.models import AppGrant, DeviceAuthorization
from oauth.tokens import families
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.oauth.device.devices import Device, age, answer, log_in, make_device, register_device
from tests.oauth.flows import API, MCP, make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    return make_device()


def get_error(response: Any) -> str:
    assert response.status_code == 400, response.content
    return str(response.json()["error"])


def is_accepted(token: str, channel: Channel = Channel.API) -> bool:
    try:
        authenticate_token(token, channel)
    except InvalidAccessToken:
        return False
    return True


# --- The request ----------------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 8628", "3.2")
def test_answer_to_a_device_has_all_its_fields_and_is_not_stored(device: Device) -> None:
    response = device.start()
    page = f"{settings.PUBLIC_URL}/device/"
    assert response["Cache-Control"] == "no-store"
    assert {
        name: value for name, value in response.json().items() if name not in ("device_code", "user_code")
    } == {
        "verification_uri": page,
        "verification_uri_complete": f"{page}?user_code={device.codes['user_code']}",
        "expires_in": 600,
        "interval": 5,
    }


@pytest.mark.compliance("RFC 8628", "6.1")
def test_user_code_has_eight_letters_without_vowels_in_two_groups(device: Device) -> None:
    assert re.fullmatch(
        r"[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", device.start().json()["user_code"]
    )


@pytest.mark.compliance("RFC 8628", "5.2")
def test_device_codes_cannot_be_guessed_and_are_stored_as_digests(device: Device) -> None:
    codes = {device.start().json()["device_code"] for _ in range(20)}
    assert len(codes) == 20
    assert all(re.fullmatch(r"picard_dc_[\w-]{43}", code) for code in codes)
    stored = str([sorted(row.items()) for row in DeviceAuthorization.objects.values()])
    assert not any(code in stored for code in codes)
    assert device.codes["user_code"].replace("-", "") not in stored


@pytest.mark.compliance("RFC 8628", "3.1")
@pytest.mark.parametrize("changes", [{"client_id": None}, {"client_id": "unknown"}, {"client_id": "x\0"}])
def test_device_must_name_its_client(device: Device, changes: dict[str, Any]) -> None:
    assert device.start(**changes).status_code in (400, 401)
    assert not DeviceAuthorization.objects.exists()


@pytest.mark.compliance("RFC 8628", "3.1")
def test_confidential_client_authenticates_at_both_endpoints(ada: User) -> None:
    device = make_device(is_public=False)
    assert device.start(client_secret="wrong").status_code == 401
    assert device.start(client_secret=None).status_code == 401
    assert device.start().status_code == 200
    answer(ada, device.codes["user_code"])
    assert device.poll(client_secret="wrong").status_code == 401
    assert device.poll().status_code == 200


@pytest.mark.compliance("RFC 8628", "3.1")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": scopes.ADMIN}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"client_id": ["one", "two"]}, "invalid_request"),
    ],
)
def test_invalid_request_of_a_device_is_refused(changes: dict[str, Any], error: str) -> None:
    assert get_error(register_device().start(**changes)) == error


@pytest.mark.compliance("RFC 8628", "3.1")
def test_parameters_in_the_url_are_refused(device: Device) -> None:
    path = f"/oauth/device-authorization/?client_id={device.application.client_id}"
    assert get_error(Client().post(path)) == "invalid_request"
    assert Client().get("/oauth/device-authorization/").status_code == 405


@pytest.mark.compliance("RFC 8628", "3.1")
def test_scope_is_optional(ada: User, device: Device) -> None:
    device.start(scope=None)
    assert f"{scopes.READ} {scopes.WRITE}" == DeviceAuthorization.objects.get().scope


def test_app_without_the_device_grant_gets_no_code(ada: User) -> None:
    """Anybody can use the client id of a public app: to send its users a code of their own."""
    app = make_app(is_public=True)
    assert get_error(Device(app.application).start()) == "unauthorized_client"


def test_web_page_cannot_read_the_code_of_a_device_that_it_starts(device: Device) -> None:
    """Else it could start one in its visitor's network, and send them its code."""
    response = Client().post(
        "/oauth/device-authorization/",
        {"client_id": device.application.client_id},
        headers={"origin": "https://evil.example"},
    )
    assert "Access-Control-Allow-Origin" not in response


# --- Polling --------------------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 8628", "3.4")
@pytest.mark.compliance("RFC 8628", "3.5")
def test_device_gets_tokens_when_the_user_allowed_it(ada: User, device: Device) -> None:
    device.start()
    assert get_error(device.poll()) == "authorization_pending"
    assert answer(ada, device.codes["user_code"]).status_code == 302
    body = device.poll().json()
    assert (body["token_type"], body["scope"]) == ("Bearer", f"{scopes.READ} {scopes.WRITE}")
    actor = authenticate_token(body["access_token"], Channel.API)
    assert (actor.person, actor.client_id) == (ada, device.application.client_id)
    assert not DeviceAuthorization.objects.exists()


@pytest.mark.compliance("RFC 8628", "3.5")
def test_device_that_polls_too_often_must_wait_5_seconds_longer_each_time(device: Device) -> None:
    device.start()
    errors = []
    for waited_s in (0, 1, 5, 10, 15):
        age(waited_s)
        errors.append(get_error(device.poll()))
    assert errors == [
        "authorization_pending",
        "slow_down",
        "slow_down",
        "authorization_pending",
        "authorization_pending",
    ]
    assert DeviceAuthorization.objects.get().interval_s == 15


def test_device_that_never_slows_down_still_gets_its_tokens(ada: User, device: Device) -> None:
    """The answer is not pending any more. Its polls are bounded by the rate limit of the token endpoint."""
    device.start()
    assert {get_error(device.poll()) for _ in range(13)} == {"authorization_pending", "slow_down"}
    assert DeviceAuthorization.objects.get().interval_s == 60
    answer(ada, device.codes["user_code"])
    assert device.poll().status_code == 200


@pytest.mark.compliance("RFC 8628", "3.5")
def test_device_learns_that_the_user_declined(ada: User, device: Device) -> None:
    device.start()
    answer(ada, device.codes["user_code"], answer="cancel")
    assert [get_error(device.poll()) for _ in range(2)] == ["access_denied"] * 2
    assert not AppGrant.objects.exists()


@pytest.mark.compliance("RFC 8628", "3.5")
def test_device_learns_that_its_codes_have_expired(ada: User, device: Device) -> None:
    device.start()
    age(601)
    assert get_error(device.poll()) == "expired_token"
    assert answer(ada, device.codes["user_code"]).status_code == 422
    assert not AppGrant.objects.exists()


def test_allowed_device_must_fetch_its_tokens_in_time(ada: User, device: Device) -> None:
    device.start()
    answer(ada, device.codes["user_code"])
    age(601)
    assert get_error(device.poll()) == "expired_token"


@pytest.mark.compliance("RFC 8628", "3.4")
def test_device_code_works_only_for_its_client(ada: User, device: Device) -> None:
    device.start()
    answer(ada, device.codes["user_code"])
    thief = make_device("Thief")
    thief.codes = device.codes
    assert get_error(thief.poll()) == "invalid_grant"
    assert device.poll().status_code == 200


def test_second_use_of_a_device_code_revokes_the_tokens_of_the_first(ada: User, device: Device) -> None:
    body = device.connect_by_code(ada)
    assert get_error(device.poll()) == "invalid_grant"
    assert not is_accepted(body["access_token"])
    assert get_error(device.refresh(body["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize("code", ["", "x", "picard_dc_" + "x" * 43])
def test_unknown_device_code_is_refused(device: Device, code: str) -> None:
    device.start()
    assert get_error(device.poll(device_code=code)) in ("invalid_grant", "invalid_request")


def test_other_parameters_do_not_stand_in_for_the_device_code(ada: User, device: Device) -> None:
    device.start()
    answer(ada, device.codes["user_code"])
    code = device.codes["device_code"]
    assert get_error(device.poll(device_code=None, code=code)) == "invalid_request"
    assert get_error(device.token(grant_type="authorization_code", code=code)) == "unauthorized_client"
    assert get_error(device.token(grant_type="refresh_token", refresh_token=code)) == "invalid_grant"
    assert device.poll().status_code == 200


def test_poll_that_waits_takes_one_statement_more_than_its_client(
    device: Device, django_assert_max_num_queries: Any
) -> None:
    """Devices poll every five seconds."""
    device.start()
    device.poll()
    with django_assert_max_num_queries(8):
        device.poll()


# --- Tokens ---------------------------------------------------------------------------------------------------------


def test_tokens_of_a_device_rotate_as_all_others(ada: User, device: Device) -> None:
    first = device.connect_by_code(ada)
    second = device.refresh(first["refresh_token"]).json()
    assert is_accepted(second["access_token"])
    device.refresh(second["refresh_token"])
    assert get_error(device.refresh(first["refresh_token"])) == "invalid_grant"
    assert not families.RefreshToken.objects.filter(revoked__isnull=True).exists()


@pytest.mark.parametrize(
    ("resource", "accepted"),
    [([API], [True, False]), ([MCP], [False, True]), ([API, MCP], [True, True]), ([], [True, True])],
)
def test_tokens_are_valid_for_what_the_device_asked(
    ada: User, device: Device, resource: list[str], accepted: list[bool]
) -> None:
    device.start(resource=[settings.PUBLIC_URL + path for path in resource])
    answer(ada, device.codes["user_code"])
    token = device.poll().json()["access_token"]
    assert [is_accepted(token, channel) for channel in (Channel.API, Channel.MCP)] == accepted


def test_poll_can_narrow_the_resource_and_nothing_can_widen_the_scope(ada: User, device: Device) -> None:
    device.start(resource=None)
    answer(ada, device.codes["user_code"], scopes=[scopes.READ])
    wide = f"{scopes.READ} {scopes.WRITE} {scopes.ADMIN}"
    body = device.poll(resource=settings.PUBLIC_URL + MCP, scope=wide).json()
    assert body["scope"] == scopes.READ
    assert [is_accepted(body["access_token"], channel) for channel in (Channel.API, Channel.MCP)] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    "take_back",
    [
        lambda user: grants.revoke_grant(AppGrant.objects.get()),
        grants.revoke_all_grants,
        families.revoke_all_tokens,  # what a new password and closing the account do
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    ],
    ids=["disconnected", "all disconnected", "tokens revoked", "account closed"],
)
def test_device_gets_nothing_once_the_user_took_it_back(
    ada: User, device: Device, take_back: Callable[[User], object]
) -> None:
    """Between the user's answer and the device's next poll."""
    device.start()
    answer(ada, device.codes["user_code"])
    take_back(ada)
    assert get_error(device.poll()) == "invalid_grant"
    assert not families.AccessToken.objects.exists()


def test_ended_access_gives_no_tokens(ada: User, device: Device) -> None:
    device.start()
    answer(ada, device.codes["user_code"])
    AppGrant.objects.update(ends_at="2020-01-01T00:00:00Z")
    assert get_error(device.poll()) == "invalid_grant"


# --- Registration and metadata --------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 8628", "4")
def test_metadata_name_the_endpoint_and_the_grant() -> None:
    body = Client().get("/.well-known/oauth-authorization-server").json()
    assert body["device_authorization_endpoint"] == f"{settings.PUBLIC_URL}/oauth/device-authorization/"
    assert "urn:ietf:params:oauth:grant-type:device_code" in body["grant_types_supported"]


def test_self_registered_command_line_connects_with_fewer_scopes(ada: User) -> None:
    device = register_device()
    body = device.connect_by_code(ada, scopes=[scopes.READ])
    assert body["scope"] == scopes.READ
    assert AppGrant.objects.get(user=ada).declined_scopes == [scopes.WRITE]


def test_app_for_devices_alone_cannot_ask_by_a_redirect(ada: User) -> None:
    device = register_device()
    response = log_in(ada).get("/oauth/authorize/", device.request())
    assert response.status_code == 400


def test_app_can_have_both_ways(ada: User) -> None:
    device = register_device(
        grant_types=["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
        redirect_uris=["https://notes.example/callback"],
    )
    assert device.connect_by_code(ada)
    assert device.connect(ada)
