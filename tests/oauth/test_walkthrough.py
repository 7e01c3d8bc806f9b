"""docs/oauth.md, done as it says: every command on the page, in its order."""

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


def commands() -> list[str]:
    page = (PROJECT / "docs" / "oauth.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


class Walk:
    """Does each command, and keeps what its answer is called on the page."""

    def __init__(self, browser: Client) -> None:
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        self.known = {
            "PICARD": settings.PUBLIC_URL,
            "VERIFIER": verifier,
            "CHALLENGE": challenge,
            "STATE": "s",
        }
        self.browser = browser
        self.last: Any = None

    def do(self, command: str) -> None:
        if made := re.match(r"([A-Z]+)=\$\(", command):
            self._make(made[1], command)
            return
        name, *words = [
            re.sub(r"\$([A-Z_]+)", lambda found: self.known[found[1]], word) for word in shlex.split(command)
        ]
        {"curl": self._curl, "open": self._open}[name](words)

    def _make(self, name: str, command: str) -> None:
        """By a shell; a machine without openssl goes on with what is known from the beginning."""
        if shutil.which("openssl"):
            shell = ["sh", "-c", f'{command}; printf %s "${name}"']
            environment = {**self.known, "PATH": os.environ["PATH"]}
            self.known[name] = subprocess.check_output(shell, env=environment, text=True)

    def _curl(self, words: list[str]) -> None:
        address = next(word for word in words if word.startswith(settings.PUBLIC_URL))
        path = address.removeprefix(settings.PUBLIC_URL)
        data = [value for option, value in pairwise(words) if option == "-d"]
        headers = dict(value.split(": ") for option, value in pairwise(words) if option == "-H")
        if not data:
            answer = Client().get(path, headers=headers)
        elif kind := headers.pop("Content-Type", None):
            answer = Client().post(path, data[0], content_type=kind, headers=headers)
        else:
            answer = Client().post(path, dict(pair.split("=", 1) for pair in data))
        assert answer.status_code in (200, 201), answer.content
        self.last = answer.json() if answer.content else {}
        self._keep(self.last)

    def _open(self, words: list[str]) -> None:
        """The person says yes to all."""
        path = words[0].removeprefix(settings.PUBLIC_URL)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        assert self.browser.get(path).status_code == 200
        yes = self.browser.post(path, {**YES, "scopes": asked["scope"].split()})
        assert yes["Location"].startswith(asked["redirect_uri"])
        self._keep({name: values[0] for name, values in parse_qs(urlsplit(yes["Location"]).query).items()})

    def _keep(self, told: dict[str, Any]) -> None:
        self.known |= {name.upper(): value for name, value in told.items() if isinstance(value, str)}


def test_the_page_leads_to_a_token_a_first_call_and_back(ada: User, ada_client: Client) -> None:
    walk = Walk(ada_client)
    *before, give_back = commands()
    for command in before:
        walk.do(command)
        if "/search/" in command:
            assert [hit["memory"]["text"] for hit in walk.last["results"]] == ["I am allergic to peanuts."]
    assert walk.known["ISS"] == settings.PUBLIC_URL
    assert authenticate_token(walk.known["ACCESS_TOKEN"], Channel.API).user == ada
    walk.do(give_back)
    with pytest.raises(InvalidAccessToken):
        authenticate_token(walk.known["ACCESS_TOKEN"], Channel.API)
