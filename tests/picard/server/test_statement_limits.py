"""A running server whose statements do not end: they have a time limit, end with their client, and a user has two."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from memories import scopes
from tests.factories import make_person, remember, session
from tests.memories.mcp.callers import LEGACY
from tests.oauth.flows import API, MCP, access_token, make_app
from tests.processes import serving, wait_until

pytestmark = pytest.mark.slow
MCP_HEADERS = {"Accept": "application/json", "MCP-Protocol-Version": LEGACY}
SEARCH = {"query": "zebra"}


@pytest.fixture(scope="module")
def _running(django_db_setup: None) -> Iterator[str]:
    with serving(STATEMENT_TIMEOUT_S="3", WEB_WORKERS="2") as address:
        yield address


@pytest.fixture
def site(_running: str, shared_db: None) -> str:
    return _running


@pytest.fixture
def ada(site: str) -> User:
    ada = make_person("ada", handle="ada", persona_enabled=True, public_page_enabled=True)
    remember(ada, "The zebra sleeps.")
    assert session(ada).user
    return ada


@contextmanager
def blocked(*tables: str) -> Iterator[None]:
    """Let every statement that reads one of the tables wait until the end of the block."""
    with psycopg.connect(**connection.get_connection_params()) as blocker:
        blocker.execute(f"lock table {', '.join(tables)} in access exclusive mode")
        yield


def count_waiting() -> int:
    sql = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query not like '%index_leased_by%'"
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} and datname = current_database()")
        return int(cursor.fetchone()[0])


def build_requests(site: str, ada: User, *, timeout_s: float = 30) -> dict[str, httpx.Request]:
    """Return a request that searches, of each kind of client, which waits for at most `timeout_s`."""
    browser = Client()
    browser.force_login(ada)
    cookies = {"picard_session": browser.cookies["picard_session"].value}
    page = httpx.Client(base_url=site, cookies=cookies, timeout=timeout_s)
    app = make_app()
    api, mcp = (
        access_token(ada, app, scopes.READ, scopes.PERSONA, path=path, resource=[site + path])
        for path in (API, MCP)
    )
    arguments = {"name": "search", "arguments": SEARCH}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments}
    headers = {"Authorization": f"Bearer {api}"}
    return {
        "page": page.build_request("GET", "/memories/", params={"q": "zebra"}),
        "rest": page.build_request("POST", f"{API}/v1/memories/search/", json=SEARCH, headers=headers),
        "mcp": page.build_request(
            "POST", MCP, json=message, headers=MCP_HEADERS | {"Authorization": f"Bearer {mcp}"}
        ),
        "stream": page.build_request(
            "POST",
            f"{API}/v1/personas/me/ask/",
            json={"question": "zebra"},
            headers=headers | {"Accept": "text/event-stream"},
        ),
        "list": page.build_request("GET", "/memories/"),
        "anonymous": build_anonymous_request(site, timeout_s),
    }


def build_anonymous_request(site: str, timeout_s: float) -> httpx.Request:
    with httpx.Client(base_url=site, timeout=timeout_s) as visitor:
        visitor.get("/@ada", timeout=30)
        form = {"question": "Where is the zebra?", "csrfmiddlewaretoken": visitor.cookies["picard_csrf"]}
        return visitor.build_request("POST", "/@ada", data=form)


def test_statement_that_takes_too_long_is_503_in_the_form_of_each_protocol(site: str, ada: User) -> None:
    requests = build_requests(site, ada)
    del requests["list"]
    with (
        httpx.Client() as client,
        blocked("memories_memory", "memories_memoryvector"),
        ThreadPoolExecutor(len(requests)) as pool,
    ):
        responses = dict(zip(requests, pool.map(client.send, requests.values()), strict=True))
    tool = responses.pop("mcp").json()["result"]
    assert tool["isError"]
    assert "took too long" in tool["content"][0]["text"]
    assert {name: response.status_code for name, response in responses.items()} == dict.fromkeys(
        responses, 503
    )
    assert all(int(response.headers["Retry-After"]) > 0 for response in responses.values())
    assert responses["page"].headers["Content-Type"].startswith("text/html")
    assert responses["rest"].headers["Content-Type"] == "application/problem+json"
    assert "too long" in responses["rest"].json()["detail"]
    assert client_is_served(site, requests)


def client_is_served(site: str, requests: dict[str, httpx.Request]) -> bool:
    with httpx.Client() as client:
        return client.send(requests["page"]).status_code == 200


def test_token_endpoint_that_takes_too_long_answers_as_oauth_does(site: str, ada: User) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "pcr_unknown", "client_id": "unknown"}
    with blocked("oauth_application", "oauth2_provider_refreshtoken"):
        response = httpx.post(f"{site}/oauth/token/", data=form, timeout=30)
    assert response.status_code == 503
    assert response.json()["error"] == "temporarily_unavailable"
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize("kind", ["page", "rest", "mcp", "stream", "anonymous"])
def test_statement_ends_when_its_client_disconnects(site: str, ada: User, kind: str) -> None:
    request = build_requests(site, ada, timeout_s=0.5)[kind]
    with blocked("memories_memory", "memories_memoryvector"):
        with httpx.Client() as client, pytest.raises(httpx.ReadTimeout):
            client.send(request)
        # The time limit would end it 2.5 s after the client has disconnected.
        wait_until(lambda: not count_waiting(), seconds=2)


def test_user_has_two_requests_at_once_over_all_processes_apps_and_sessions(site: str, ada: User) -> None:
    bob = build_requests(site, make_person("bob"))["list"]
    kinds = ("page", "rest", "mcp", "stream")
    requests = [build_requests(site, ada)[kind] for kind in kinds for _ in range(3)]
    with httpx.Client() as client, ThreadPoolExecutor(len(requests)) as pool:
        assert client.send(bob).status_code == 200
        with blocked("memories_memoryvector"):
            futures = [pool.submit(client.send, request) for request in requests]
            wait_until(lambda: count_waiting() == 2, seconds=10)
            highest = 2
            for _ in range(10):
                assert client.send(bob).status_code == 200
                highest = max(highest, count_waiting())
            assert highest == 2
        # They waited for their turn, and none was refused.
        assert {future.result().status_code for future in futures} <= {200, 503}
        assert sum(future.result().status_code == 200 for future in futures) >= len(requests) - 4
