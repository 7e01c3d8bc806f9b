"""Clients of the REST API for tests."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from accounts.models import User
from memories import scopes
from tests.oauth.flows import access_token, make_app

V1 = "/api/v1"


@dataclass
class Caller:
    """Calls the API in JSON. `client` is the Django test client, with or without a session."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> "Answer":
        extra_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.client.generic(
            method.upper(),
            f"{V1}{path}",
            content,
            content_type="" if body is None else "application/json",
            headers={**self.headers, **extra_headers},
        )
        return Answer(response)


class Answer:
    """A response with a JSON or empty body."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.headers = response.headers
        chunks = response.streaming_content if response.streaming else [response.content]
        self.content: bytes = b"".join(chunks)
        is_json = str(response.headers.get("Content-Type", "")) in (
            "application/json",
            "application/problem+json",
        )
        self.json: Any = json.loads(self.content) if is_json and self.content else None

    @property
    def code(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json"
        code: str = self.json["code"]
        return code

    @property
    def texts(self) -> list[str]:
        return [row["text"] for row in self.json["results"]]


def anonymous() -> Caller:
    return Caller(Client())


def app_of(user: User, *granted: str, **token_options: Any) -> Caller:
    """Return an app connected by this user with these scopes (read and write by default)."""
    token = access_token(user, make_app(), *(granted or (scopes.READ, scopes.WRITE)), **token_options)
    return Caller(Client(), {"Authorization": f"Bearer {token}"})


def session_of(user: User) -> Caller:
    """Return the user's own session, without the CSRF check (as the Django test client does by default)."""
    client = Client()
    client.force_login(user)
    return Caller(client)
