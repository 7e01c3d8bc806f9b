"""Which apps can use the device flow: registered by hand, by themselves, or by a metadata document."""

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from memories.jobs import retention
from oauth import rate_limits
from oauth.error_hints import ErrorKind
from oauth.models import AppGrant, Application, DeviceAuthorization, Mistake
from oauth.registration import metadata_documents
from tests.oauth.device.devices import PAGE, Device, age, answer, log_in, make_device, register_device
from tests.oauth.flows import REDIRECT, exhaust

pytestmark = pytest.mark.django_db
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ADDRESS = "https://robot.example/client.json"
DOCUMENT = {"client_id": ADDRESS, "client_name": "Robot", "grant_types": [DEVICE_GRANT]}


def register(**metadata: Any) -> Any:
    return Client().post("/oauth/register/", metadata, content_type="application/json")


# --- By themselves --------------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 7591", "2")
def test_device_registers_without_redirect_urls() -> None:
    body = register(
        grant_types=[DEVICE_GRANT], token_endpoint_auth_method="none", client_name="Terminal"
    ).json()
    assert body["grant_types"] == ["refresh_token", DEVICE_GRANT]
    assert (body["redirect_uris"], body["response_types"]) == ([], [])
    assert "client_secret" not in body


def test_redirect_urls_of_an_app_for_devices_alone_are_left_out() -> None:
    body = register(grant_types=[DEVICE_GRANT], redirect_uris=[REDIRECT]).json()
    assert body["redirect_uris"] == []


def test_app_with_both_grants_needs_redirect_urls() -> None:
    both = ["authorization_code", "refresh_token", DEVICE_GRANT]
    assert register(grant_types=both).json()["error"] == "invalid_redirect_uri"
    assert register(grant_types=both, redirect_uris=[REDIRECT]).json()["grant_types"] == both


def test_registration_is_changed_from_one_way_to_the_other() -> None:
    body = register(grant_types=[DEVICE_GRANT], token_endpoint_auth_method="none").json()
    path = body["registration_client_uri"].partition("/oauth/")[2]
    headers = {"Authorization": f"Bearer {body['registration_access_token']}"}
    new = {"client_id": body["client_id"], "redirect_uris": [REDIRECT], "grant_types": ["authorization_code"]}
    changed = Client().put(f"/oauth/{path}", new, content_type="application/json", headers=headers)
    assert changed.json()["grant_types"] == ["authorization_code", "refresh_token"]
    headers = {"Authorization": f"Bearer {changed.json()['registration_access_token']}"}
    read = Client().get(f"/oauth/{path}", headers=headers).json()
    assert (read["grant_types"], read["response_types"]) == (changed.json()["grant_types"], ["code"])
    assert Device(Application.objects.get()).start().json()["error"] == "unauthorized_client"


# --- By hand --------------------------------------------------------------------------------------------------------


def test_command_registers_an_app_for_devices(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("register_client", "Terminal", "--device", "--public")
    assert "PICARD_CLIENT_ID=" in capsys.readouterr().out
    assert Application.objects.get().grant_types == ["refresh_token", DEVICE_GRANT]
    with pytest.raises(CommandError, match="redirect URLs"):
        call_command("register_client", "Notes")


def test_console_registers_and_changes_an_app_for_devices(ada: User, ada_client: Client) -> None:
    form = {"name": "Terminal", "redirect_uris": "", "device_flow": "on", "is_public": "on"}
    assert ada_client.post("/developer/", form).status_code == 200
    app = Application.objects.get()
    assert app.has_device_grant
    path = f"/developer/{app.client_id}/"
    assert "Redirect URLs" in ada_client.get(path).content.decode()
    assert ada_client.post(path, {"name": "Terminal", "redirect_uris": ""}).status_code == 422
    assert ada_client.post(path, {"name": "Terminal", "redirect_uris": REDIRECT}).status_code == 302
    app.refresh_from_db()
    assert app.grant_types == ["authorization_code", "refresh_token"]


def test_errors_of_a_device_are_counted_for_its_developer_and_waiting_is_none(ada: User) -> None:
    device = make_device(owner=ada)
    device.start()
    device.poll()  # pending
    device.poll()  # too early
    answer(ada, device.codes["user_code"], answer="cancel")
    device.poll()  # declined
    device.start()
    age(601)
    device.poll()  # expired
    device.poll(device_code="unknown")
    assert set(Mistake.objects.values_list("kind", flat=True)) == {
        ErrorKind.SLOW_DOWN,
        ErrorKind.DEVICE_EXPIRED,
        ErrorKind.DEVICE_CODE,
    }
    assert (
        "Polled too often" in log_in(ada).get(f"/developer/{device.application.client_id}/").content.decode()
    )


# --- By a metadata document -----------------------------------------------------------------------------------------


class Web:
    """The document at ADDRESS, and how often it was fetched."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document, self.fetched = document, 0

    def fetch(self, _client_id: str) -> tuple[dict[str, Any], int]:
        self.fetched += 1
        if not self.document:
            raise metadata_documents.MetadataDocumentError("not found")
        return dict(self.document), 300


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Web:
    web = Web(DOCUMENT)
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "CIMD_ENABLED": True}
    monkeypatch.setattr(
        metadata_documents.MetadataDocumentFetcher,
        "_fetch_document",
        lambda _self, client_id: web.fetch(client_id),
    )
    return web


def start_by_url(client_id: str = ADDRESS) -> Device:
    device = Device(Application(client_id=client_id))
    assert device.start().status_code == 200
    return device


def test_document_is_fetched_only_when_a_user_enters_the_code(ada: User, web: Web) -> None:
    device = start_by_url()
    assert device.poll().json()["error"] == "authorization_pending"
    assert web.fetched == 0
    page = log_in(ada).get(PAGE, {"user_code": device.codes["user_code"]}).content.decode()
    assert web.fetched == 1
    assert "Robot" in page
    assert "This app is described by <strong>robot.example</strong>" in page
    answer(ada, device.codes["user_code"])
    assert device.poll().status_code == 200
    assert web.fetched == 1


@pytest.mark.parametrize(
    "document",
    [
        {},
        {**DOCUMENT, "client_id": "https://other.example/x.json"},
        {**DOCUMENT, "grant_types": ["authorization_code"], "redirect_uris": [REDIRECT]},
    ],
    ids=["unreachable", "of another app", "without the device grant"],
)
def test_app_whose_document_does_not_allow_it_gets_no_access(
    ada: User, web: Web, document: dict[str, Any]
) -> None:
    device = start_by_url()
    web.document = document
    response = answer(ada, device.codes["user_code"])
    assert response.status_code == 400
    assert "This app cannot be identified" in response.content.decode()
    assert not AppGrant.objects.exists()


def test_unread_apps_count_as_registrations_and_are_purged(web: Web) -> None:
    exhaust(rate_limits.REGISTER)
    assert Device(Application(client_id=ADDRESS)).start().status_code == 429
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "client_id",
    ["http://robot.example/x.json", "https://robot.example/" + "x" * 300, "https://robot.example/é"],
)
def test_no_app_is_stored_for_what_is_no_url_of_a_document(web: Web, client_id: str) -> None:
    assert Device(Application(client_id=client_id)).start().status_code == 401
    assert not Application.objects.exists()


# --- Retention ------------------------------------------------------------------------------------------------------


def test_codes_are_purged_when_their_device_was_told_long_enough(ada: User) -> None:
    register_device().start()
    age(1_100)
    retention.run_steps()
    assert DeviceAuthorization.objects.exists()
    age(200)
    retention.run_steps()
    assert not DeviceAuthorization.objects.exists()
