"""A device for tests: it asks for codes, its user enters one, and it polls."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.test import Client

from accounts.models import User
from memories import scopes
from oauth.models import Application, DeviceAuthorization
from oauth.registration import manual as manual_registration
from oauth.settings import DEVICE_GRANT
from tests.oauth.flows import API, App

PAGE = "/device/"


@dataclass
class Device(App):
    """A client that has the device grant."""

    codes: dict[str, Any] = field(default_factory=dict)

    def start(self, **changes: Any) -> Any:
        """Send a device authorization request; a change to None omits a parameter."""
        form = {
            "client_id": self.application.client_id,
            "scope": f"{scopes.READ} {scopes.WRITE}",
            "resource": settings.PUBLIC_URL + API,
        }
        if self.secret:
            form["client_secret"] = self.secret
        data = {name: value for name, value in (form | changes).items() if value is not None}
        response = self.http.post("/oauth/device-authorization/", data)
        if response.status_code == 200:
            self.codes = response.json()
        return response

    def poll(self, **changes: Any) -> Any:
        return self.token(
            **({"grant_type": DEVICE_GRANT, "device_code": self.codes["device_code"]} | changes)
        )

    def connect_by_code(self, user: User, **choices: Any) -> dict[str, Any]:
        """Run the whole flow and return the body of the token response."""
        assert self.start().status_code == 200
        answer(user, self.codes["user_code"], **choices)
        response = self.poll()
        assert response.status_code == 200, response.content
        body: dict[str, Any] = response.json()
        return body


def make_device(name: str = "Terminal", *, is_public: bool = True, owner: User | None = None) -> Device:
    """Register an app for devices manually."""
    registered = manual_registration.register_app(
        name=name, redirect_uris=[], is_public=is_public, device_flow=True, user=owner
    )
    return Device(registered.application, registered.secret)


def register_device(**metadata: Any) -> Device:
    """Let an app register itself, with what a command line knows: no redirect URI."""
    request = {
        "client_name": "Terminal",
        "grant_types": [DEVICE_GRANT, "refresh_token"],
        "token_endpoint_auth_method": "none",
    } | metadata
    body = Client().post("/oauth/register/", request, content_type="application/json").json()
    application = Application.objects.get(client_id=body["client_id"])
    return Device(application, body.get("client_secret", ""))


def log_in(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def answer(user: User, user_code: str, browser: Client | None = None, **choices: Any) -> Any:
    """Allow the device what it requested, or with other choices."""
    form = {"answer": "allow", "reach": "all", "scopes": [scopes.READ, scopes.WRITE]} | choices
    return (browser or log_in(user)).post(PAGE, form, query_params={"user_code": user_code})


def age(seconds: int) -> None:
    """Let time pass for all devices that wait."""
    for device in DeviceAuthorization.objects.all():
        for name in ("created_at", "expires_at", "polled_at"):
            if (value := getattr(device, name)) is not None:
                setattr(device, name, value - timedelta(seconds=seconds))
        device.save()
