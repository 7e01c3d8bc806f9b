"""The test's side of the OpenID provider process, and browsers that log in by it."""

import json
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

from django.test import Client

from accounts.openid.config import OpenIDSettings
from picard.config.paths import PROJECT

START, CALLBACK = "/accounts/openid/login/", "/accounts/openid/callback/"


class ProviderProcess:
    """Use it as a context manager. It ends with the process of the tests, too, because its input then closes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.accounts.openid.provider_process"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.issuer = self._process.stdout.readline().strip()
        assert self.issuer.startswith("http://"), "the provider did not start"

    def __enter__(self) -> "ProviderProcess":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=15)

    @property
    def settings(self) -> OpenIDSettings:
        return OpenIDSettings(self.issuer, "picard & co", "s3cret:of picard", "Example ID")

    @property
    def variables(self) -> dict[str, str]:
        """The environment of a server that uses this provider."""
        chosen = self.settings
        return {
            "OIDC_ISSUER": chosen.issuer,
            "OIDC_CLIENT_ID": chosen.client_id,
            "OIDC_CLIENT_SECRET": chosen.client_secret,
            "OIDC_NAME": chosen.name,
        }

    def behave(self, *, keep: bool = False, **behavior: Any) -> None:
        """Replace the behavior: the fields of provider_process.Behavior. keep: remember what happened so far."""
        path = "/behavior/keep" if keep else "/behavior"
        body = json.dumps(behavior).encode()
        urlopen(Request(self.issuer + path, body, method="POST")).close()  # noqa: S310

    def be_person(self, sub: str, email: str = "", *, is_verified: object = True, **behavior: Any) -> None:
        person = {"sub": sub} | ({"email": email, "email_verified": is_verified} if email else {})
        self.behave(person=person, keep=True, **behavior)

    def list_received(self, path: str) -> list[dict[str, Any]]:
        with urlopen(f"{self.issuer}/received") as response:  # noqa: S310
            return [each for each in json.load(response) if each["path"] == path]


def start(browser: Client, path: str = START, **form: str) -> str:
    """Return the URL of the provider to which the site sends the browser."""
    response = browser.post(path, form)
    assert response.status_code == 303, response.content.decode()
    return response["Location"]


def visit_provider(location: str) -> str:
    """Log in at the provider; return path and query of the site's redirect URI."""
    url = urlsplit(location)
    connection = HTTPConnection(url.netloc)  # httpx would load certificates for each test
    with closing(connection):
        connection.request("GET", f"{url.path}?{url.query}")
        with connection.getresponse() as response:
            assert response.status == 302, response.read()
            back = urlsplit(response.headers["Location"])
    return f"{back.path}?{back.query}"


def log_in(browser: Client, path: str = START, **form: str) -> Any:
    """Log in by the provider; return the site's answer to its response."""
    return browser.get(visit_provider(start(browser, path, **form)))


def get_parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def get_error_code(response: Any) -> str:
    """Return the code of the page "log-in failed"."""
    assert response.status_code in (400, 503), response.status_code
    code: str = response.context["code"]
    return code
