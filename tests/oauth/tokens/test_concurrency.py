"""Many at once, on real connections: a code is redeemed once, every refresh is answered, nobody is logged out."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.actor import Channel
from accounts.models import User
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.oauth.flows import App, make_app

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
AT_ONCE = 4
REFRESHES = 50
REDEMPTIONS = 25


def at_once(act: Callable[[], Any]) -> list[Any]:
    """What AT_ONCE threads get that do the same at the same moment."""
    start = Barrier(AT_ONCE)

    def run(_: int) -> Any:
        start.wait()
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(run, range(AT_ONCE)))


def statuses(answers: Sequence[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def works(token: str) -> bool:
    try:
        return authenticate_token(token, Channel.API) is not None
    except InvalidAccessToken:
        return False


@pytest.fixture(autouse=True)
def _nobody_counted(transactional_db: None) -> Iterator[None]:
    """The rates are no model's table, so nobody empties it after a test without a transaction."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("delete from accounts_rate_limit")


@pytest.fixture
def app() -> App:
    return make_app()


@pytest.mark.compliance("RFC 9700", "4.14.2")
def test_every_one_of_many_refreshes_is_answered_and_nobody_is_logged_out(ada: User, app: App) -> None:
    grandparent = app.connect(ada)["refresh_token"]
    refresh_token = grandparent
    answered = 0
    for _ in range(REFRESHES):
        answers = at_once(lambda token=refresh_token: app.refresh(token))  # type: ignore[misc]
        answered += statuses(answers).count(200)
        [body] = {answer.content: answer.json() for answer in answers}.values()
        refresh_token = body["refresh_token"]
    assert answered == REFRESHES * AT_ONCE
    assert works(body["access_token"])
    assert app.refresh(grandparent).json()["error"] == "invalid_grant"
    assert not works(body["access_token"])


@pytest.mark.compliance("RFC 9700", "4.2.4")
def test_a_code_is_redeemed_once_however_many_try(ada: User, app: App) -> None:
    for _ in range(REDEMPTIONS):
        code = app.code(ada)
        answers = at_once(lambda code=code: app.redeem(code))  # type: ignore[misc]
        assert statuses(answers) == [200, 400, 400, 400]


@pytest.mark.compliance("Gaps of the toolkit", "10")
def test_a_token_that_is_given_back_while_it_is_refreshed_is_worth_nothing(ada: User, app: App) -> None:
    for _ in range(5):
        body = app.connect(ada)
        turns = iter([True, False, False, True])

        def act(body: dict[str, Any] = body, turns: Any = turns) -> Any:
            if next(turns):
                form = {"client_id": app.application.client_id, "client_secret": app.secret}
                return app.http.post("/oauth/revoke/", form | {"token": body["refresh_token"]})
            return app.refresh(body["refresh_token"])

        answers = at_once(act)
        assert max(statuses(answers)) <= 400
        given = [answer.json()["access_token"] for answer in answers if b"access_token" in answer.content]
        assert not any(works(token) for token in (body["access_token"], *given))
        assert app.refresh(body["refresh_token"]).status_code == 400
        assert len(set(given)) <= 1
