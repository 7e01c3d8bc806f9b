"""The device flow (RFC 8628): a device asks, its user answers on another device, and it gets its tokens once."""

import pytest

from accounts.actor import Channel
from accounts.models import User
from memories import scopes
from oauth.models import AppGrant, DeviceAuthorization
from oauth.tokens.bearer import authenticate_token
from tests.oauth.device.devices import Device, answer, make_device, register_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    return make_device()


def test_device_gets_tokens_when_the_user_allowed_it(ada: User, device: Device) -> None:
    device.start()
    assert device.poll().json()["error"] == "authorization_pending"
    assert answer(ada, device.codes["user_code"]).status_code == 302
    body = device.poll().json()
    assert body["scope"] == f"{scopes.READ} {scopes.WRITE}"
    actor = authenticate_token(body["access_token"], Channel.API)
    assert (actor.person, actor.client_id) == (ada, device.application.client_id)
    assert device.refresh(body["refresh_token"]).status_code == 200
    assert not DeviceAuthorization.objects.exists()


def test_self_registered_command_line_connects(ada: User) -> None:
    device = register_device()
    body = device.connect_by_code(ada, scopes=[scopes.READ])
    assert body["scope"] == scopes.READ
    assert AppGrant.objects.get(user=ada).scopes == [scopes.READ]
