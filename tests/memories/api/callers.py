"""Who calls the API in tests, and how."""

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
    """Calls the API in JSON. `client` is Django's, with or without a session."""

    client: Client
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> "Answer":
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        response = self.client.generic(
            method.upper(),
            f"{V1}{path}",
            content,
            content_type="" if body is None else "application/json",
            headers={**self.headers, **given},
        )
        return Answer(response)


class Answer:
    """A response whose body is JSON, or empty."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status: int = response.status_code
        self.headers = response.headers
        streamed = response.streaming_content if response.streaming else [response.content]
        self.content: bytes = b"".join(streamed)
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


def nobody() -> Caller:
    return Caller(Client())


def app_of(user: User, *held: str, **given: Any) -> Caller:
    """An app of this person by its token, with these scopes (reading and writing by default)."""
    token = access_token(user, make_app(), *(held or (scopes.READ, scopes.WRITE)), **given)
    return Caller(Client(), {"Authorization": f"Bearer {token}"})


def session_of(user: User) -> Caller:
    """The person's own session, without the CSRF check (Django's test client leaves it out)."""
    client = Client()
    client.force_login(user)
    return Caller(client)
