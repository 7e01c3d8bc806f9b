"""Runs every command of docs/oauth.md in order."""

import base64
import hashlib
import os
import re
import secrets
import shlex
import shutil
import subprocess
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from picard.config.paths import PROJECT
from tests.oauth.flows import YES

pytestmark = pytest.mark.django_db


DEVICES = "## Devices and command lines\n"


def read_commands(*, is_device: bool = False) -> list[str]:
    page = (PROJECT / "docs" / "oauth.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page.split(DEVICES)[is_device], flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Walkthrough:
    """Runs commands, and stores the values of their responses in variables named as on the page."""

    def __init__(self, browser: Client) -> None:
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self.variables = {
            "PICARD": settings.PUBLIC_URL,
            "VERIFIER": verifier,
            "CHALLENGE": challenge,
            "STATE": "s",
        }
        self.browser = browser
        self.last: Any = None

    def run(self, command: str) -> None:
        if assignment := re.match(r"([A-Z]+)=\$\(", command):
            self._assign(assignment[1], command)
            return
        name, *words = [
            re.sub(r"\$([A-Z_]+)", lambda match: self.variables[match[1]], word)
            for word in shlex.split(command)
        ]
        {"curl": self._curl, "open": self._open}[name](words)

    def _assign(self, name: str, command: str) -> None:
        """Run an assignment in a shell. Without openssl, keep the value from __init__."""
        if shutil.which("openssl"):
            shell = ["sh", "-c", f'{command}; printf %s "${name}"']
            environment = {**self.variables, "PATH": os.environ["PATH"]}
            self.variables[name] = subprocess.check_output(shell, env=environment, text=True)

    def _curl(self, words: list[str]) -> None:
        address = next(word for word in words if word.startswith(settings.PUBLIC_URL))
        path = address.removeprefix(settings.PUBLIC_URL)
        data = [value for option, value in pairwise(words) if option == "-d"]
        headers = dict(value.split(": ") for option, value in pairwise(words) if option == "-H")
        if not data:
            response = Client().get(path, headers=headers)
        elif kind := headers.pop("Content-Type", None):
            response = Client().post(path, data[0], content_type=kind, headers=headers)
        else:
            response = Client().post(path, dict(pair.split("=", 1) for pair in data))
        assert response.status_code in (200, 201), response.content
        self.last = response.json() if response.content else {}
        self._store(self.last)

    def _open(self, words: list[str]) -> None:
        """Approve all requested scopes."""
        path = words[0].removeprefix(settings.PUBLIC_URL)
        request = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        assert self.browser.get(path).status_code == 200
        scopes = request.get("scope", "memories:read").split()
        response = self.browser.post(path, {**YES, "scopes": scopes})
        if "user_code" in request:  # nothing comes back: the device polls
            assert response.status_code == 302
            return
        assert response["Location"].startswith(request["redirect_uri"])
        query = urlsplit(response["Location"]).query
        self._store({name: values[0] for name, values in parse_qs(query).items()})

    def _store(self, values: dict[str, Any]) -> None:
        self.variables |= {name.upper(): value for name, value in values.items() if isinstance(value, str)}


def test_walkthrough_gets_and_revokes_a_token(ada: User, ada_client: Client) -> None:
    walk = Walkthrough(ada_client)
    *steps, revoke = read_commands()
    for command in steps:
        walk.run(command)
        if "/search/" in command:
            assert [hit["memory"]["text"] for hit in walk.last["results"]] == ["I am allergic to peanuts."]
    assert walk.variables["ISS"] == settings.PUBLIC_URL
    assert authenticate_token(walk.variables["ACCESS_TOKEN"], Channel.API).user == ada
    walk.run(revoke)
    with pytest.raises(InvalidAccessToken):
        authenticate_token(walk.variables["ACCESS_TOKEN"], Channel.API)


def test_walkthrough_of_a_device_gets_a_token(ada: User, ada_client: Client) -> None:
    walk = Walkthrough(ada_client)
    for command in read_commands(is_device=True):
        walk.run(command)
    assert walk.last["scope"] == "memories:read"
    assert authenticate_token(walk.variables["ACCESS_TOKEN"], Channel.API).user == ada
