"""Concurrent requests on real connections: a code is redeemed once, every refresh succeeds, no app is disconnected."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.actor import Channel
from accounts.models import User
from oauth.access.grants import revoke_grant
from oauth.models import AppGrant
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.chaos.report import IS_LONG
from tests.factories import make_person
from tests.oauth.device.devices import answer, log_in, make_device
from tests.oauth.flows import App, make_app

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
AT_ONCE = 4
REFRESHES = 50 if IS_LONG else 15
REDEMPTIONS = 25 if IS_LONG else 8


def run_concurrently(act: Callable[[], Any]) -> list[Any]:
    """Run `act` in AT_ONCE threads at the same time and return the results."""
    start = Barrier(AT_ONCE)

    def run(_: int) -> Any:
        start.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, range(AT_ONCE)))


def sorted_statuses(responses: Sequence[Any]) -> list[int]:
    return sorted(response.status_code for response in responses)


def is_accepted(token: str) -> bool:
    try:
        return authenticate_token(token, Channel.API) is not None
    except InvalidAccessToken:
        return False


@pytest.fixture(autouse=True)
def _clear_rate_limits(transactional_db: None) -> Iterator[None]:
    """Empty the table of rate limits, which has no model, so pytest-django does not flush it."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("delete from accounts_rate_limit")


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.mark.compliance("RFC 9700", "4.14.2")
def test_concurrent_refreshes_all_succeed_with_the_same_tokens(ada: User, app: App) -> None:
    grandparent = app.connect(ada)["refresh_token"]
    refresh_token = grandparent
    succeeded = 0
    for _ in range(REFRESHES):
        responses = run_concurrently(lambda token=refresh_token: app.refresh(token))  # type: ignore[misc]
        succeeded += sorted_statuses(responses).count(200)
        [body] = {response.content: response.json() for response in responses}.values()
        refresh_token = body["refresh_token"]
    assert succeeded == REFRESHES * AT_ONCE
    assert is_accepted(body["access_token"])
    assert app.refresh(grandparent).json()["error"] == "invalid_grant"
    assert not is_accepted(body["access_token"])


@pytest.mark.compliance("RFC 9700", "4.2.4")
def test_concurrent_redemptions_succeed_once(ada: User, app: App) -> None:
    for _ in range(REDEMPTIONS):
        code = app.code(ada)
        responses = run_concurrently(lambda code=code: app.redeem(code))  # type: ignore[misc]
        assert sorted_statuses(responses) == [200, 400, 400, 400]


@pytest.mark.compliance("RFC 8628", "3.4")
def test_concurrent_polls_of_a_device_succeed_once(ada: User) -> None:
    device = make_device()
    for _ in range(REDEMPTIONS):
        device.start()
        answer(ada, device.codes["user_code"])
        assert sorted_statuses(run_concurrently(device.poll)) == [200, 400, 400, 400]


def test_device_is_answered_once_by_concurrent_answers(ada: User) -> None:
    """One grant for whoever was first, and tokens for them alone."""
    people, device = [ada, make_person("bob")], make_device()
    for _ in range(REDEMPTIONS // 4):
        device.start()
        browsers = iter([log_in(person) for person in people * 2])

        def act(browsers: Iterator[Client] = browsers) -> Any:
            return answer(ada, device.codes["user_code"], next(browsers))

        assert sorted_statuses(run_concurrently(act)) == [302, 422, 422, 422]
        [grant] = AppGrant.objects.all()
        actor = authenticate_token(device.poll().json()["access_token"], Channel.API)
        assert actor.person == grant.user
        revoke_grant(grant)


@pytest.mark.compliance("Gaps of the toolkit", "10")
def test_token_revoked_during_refresh_is_invalid(ada: User, app: App) -> None:
    for _ in range(5):
        body = app.connect(ada)
        is_revocation = iter([True, False, False, True])

        def act(body: dict[str, Any] = body, is_revocation: Any = is_revocation) -> Any:
            if next(is_revocation):
                form = {"client_id": app.application.client_id, "client_secret": app.secret}
                return app.http.post("/oauth/revoke/", form | {"token": body["refresh_token"]})
            return app.refresh(body["refresh_token"])

        responses = run_concurrently(act)
        assert max(sorted_statuses(responses)) <= 400
        new_tokens = [
            response.json()["access_token"] for response in responses if b"access_token" in response.content
        ]
        assert not any(is_accepted(token) for token in (body["access_token"], *new_tokens))
        assert app.refresh(body["refresh_token"]).status_code == 400
        assert len(set(new_tokens)) <= 1
