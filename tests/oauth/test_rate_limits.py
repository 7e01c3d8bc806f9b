"""All users of a hosted app connect and stay connected through one IP address; an attacker there is limited."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.rate_limits import (
    RateLimit,
    enforce_rate_limit,
    get_anonymous_limit,
    restore_rate_limit,
)
from oauth import rate_limits
from oauth.access import grants
from oauth.models import Application
from oauth.registration import dynamic as dynamic_registration
from tests.oauth.flows import MCP, access_token, allow, exhaust, make_app
from tests.oauth.registration.test_dynamic import register, register_app

pytestmark = pytest.mark.django_db
NETWORK = "127.0.0.1"  # of every request of the tests
PEOPLE = 3_000
IN_FLIGHT = 1_000  # people between registration and consent


def post_mcp(token: str = "") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return Client().post("/mcp", "{}", content_type="application/json", headers=headers)


def read_limit(limit: RateLimit, who: str = NETWORK) -> datetime:
    """Return when the full quota is available again."""
    with connection.cursor() as cursor:
        cursor.execute("select earned_at from accounts_rate_limit where key = %s", [f"{limit.name}:{who}"])
        earned_at: datetime = cursor.fetchone()[0]
    return earned_at


@pytest.fixture
def _clean_limits(transactional_db: None) -> Iterator[None]:
    """Empty the table of rate limits, which has no model, so pytest-django does not flush it."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("delete from accounts_rate_limit")


# --- A hosted app ---------------------------------------------------------------------------------------------------


def test_3000_people_register_within_an_hour_through_one_address() -> None:
    """The rule of the limit, at its full size: each registration is restored when its user has consented."""
    limit = rate_limits.REGISTER
    for number in range(PEOPLE):
        enforce_rate_limit(limit, NETWORK)
        if number >= IN_FLIGHT:
            restore_rate_limit(limit, NETWORK)


@pytest.mark.usefixtures("_clean_limits")
def test_first_consent_restores_the_registration_of_its_network(ada: User, bob: User) -> None:
    robot = register_app()
    exhaust(rate_limits.REGISTER)
    before = read_limit(rate_limits.REGISTER)
    robot.connect(ada)
    restored = read_limit(rate_limits.REGISTER)
    assert before - restored == timedelta(seconds=rate_limits.REGISTER.cost_s)
    robot.connect(bob)
    robot.connect(ada)
    assert read_limit(rate_limits.REGISTER) == restored
    assert Application.objects.get().registered_from == ""


@pytest.mark.usefixtures("_clean_limits")
def test_one_user_cannot_restore_registrations_without_end(ada: User) -> None:
    robot = register_app()
    exhaust(rate_limits.RESTORED_REGISTRATIONS, who=str(ada.pk))
    before = read_limit(rate_limits.REGISTER)
    robot.connect(ada)
    assert read_limit(rate_limits.REGISTER) == before


@pytest.mark.usefixtures("_clean_limits")
def test_consent_that_fails_restores_nothing(ada: User) -> None:
    robot = register_app()
    before = read_limit(rate_limits.REGISTER)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    with pytest.raises(grants.SessionEnded):
        allow(ada, robot)
    assert read_limit(rate_limits.REGISTER) == before


def test_exhausted_network_still_redeems_refreshes_and_revokes(ada: User) -> None:
    robot = register_app()
    for limit in (rate_limits.TOKEN, rate_limits.REVOKE):
        exhaust(limit)
    tokens = robot.connect(ada)
    tokens = robot.refresh(tokens["refresh_token"]).json()
    client_id = robot.application.client_id
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert Client().post("/oauth/revoke/", {"client_id": client_id, "token": token}).status_code == 200
    assert robot.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_exhausted_network_still_introspects_with_a_secret(ada: User) -> None:
    server = make_app("Server", is_resource_server=True)
    exhaust(rate_limits.INTROSPECT)
    form = {"client_id": server.application.client_id, "client_secret": server.secret}
    response = Client().post("/oauth/introspect/", {**form, "token": access_token(ada, server)})
    assert response.json()["active"]


def test_mcp_without_a_token_is_never_limited() -> None:
    exhaust(get_anonymous_limit())
    assert {post_mcp().status_code for _ in range(5)} == {401}


def test_expired_tokens_never_limit_a_network(ada: User) -> None:
    exhaust(get_anonymous_limit())
    robot, passed = make_app(), timezone.now() - timedelta(minutes=1)
    mcp_token = access_token(ada, robot, path=MCP, expires=passed)
    api_token = access_token(ada, robot, expires=passed)
    rest = Client(headers={"authorization": f"Bearer {api_token}"})
    assert {post_mcp(mcp_token).status_code for _ in range(5)} == {401}
    assert {rest.get("/api/v1/whoami/").status_code for _ in range(5)} == {401}


# --- An attacker ----------------------------------------------------------------------------------------------------


@pytest.mark.compliance("RFC 6585", "4")
@pytest.mark.parametrize(
    ("path", "form", "limit"),
    [
        ("/oauth/token/", {"grant_type": "refresh_token", "refresh_token": "picard_rt_x"}, rate_limits.TOKEN),
        ("/oauth/token/", {"grant_type": "authorization_code", "code": "x"}, rate_limits.TOKEN),
        ("/oauth/token/", {"grant_type": "password"}, rate_limits.TOKEN),
        ("/oauth/revoke/", {"token": "picard_at_x"}, rate_limits.REVOKE),
        ("/oauth/introspect/", {"token": "picard_at_x", "client_secret": "x"}, rate_limits.INTROSPECT),
    ],
)
def test_guesses_are_limited_by_network(path: str, form: dict[str, str], limit: RateLimit) -> None:
    form["client_id"] = make_app(is_public=True).application.client_id
    assert Client().post(path, form).status_code in (200, 400, 401)
    exhaust(limit)
    limited = Client().post(path, form)
    assert (limited.status_code, limited.json()["error"]) == (429, "temporarily_unavailable")
    assert int(limited["Retry-After"]) > 0


def test_guessed_secrets_are_limited_by_the_user_of_the_token(ada: User) -> None:
    classic = make_app()
    token = classic.connect(ada)["refresh_token"]
    assert classic.refresh(token, client_secret="guess").status_code == 401
    exhaust(rate_limits.TOKEN, who=str(ada.pk))
    assert classic.refresh(token, client_secret="guess").status_code == 429


def test_user_cannot_rotate_tokens_without_end(ada: User, bob: User) -> None:
    robot = register_app()
    mine, other = (robot.connect(user)["refresh_token"] for user in (ada, bob))
    exhaust(rate_limits.TOKEN, who=str(ada.pk))
    assert [robot.refresh(token).status_code for token in (mine, other)] == [429, 200]


def test_unknown_tokens_are_limited_by_network() -> None:
    assert post_mcp(f"picard_at_{1:043}").status_code == 401
    exhaust(get_anonymous_limit())
    limited = post_mcp(f"picard_at_{2:043}")
    assert (limited.status_code, int(limited["Retry-After"]) > 0) == (429, True)


def test_unused_apps_are_bounded(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamic_registration, "MAX_UNUSED_APPS", 2)
    manual, used, disconnected = make_app(), register_app(), register_app()
    used.connect(ada)
    grant = allow(ada, disconnected)
    oldest, newest = register_app(), register_app()
    grants.revoke_grant(grant)  # later than the registration of the others
    Application.objects.filter(pk=disconnected.application.pk).update(disconnected_at=timezone.now())
    assert dynamic_registration.purge_unused_apps() == 1
    remaining = {app.application.pk for app in (manual, used, disconnected, newest)}
    assert set(Application.objects.values_list("pk", flat=True)) == remaining
    assert oldest.application.pk not in remaining


def test_unused_app_costs_less_than_three_kilobytes() -> None:
    """What one address can fill until the next clean-up, and all addresses together for a week."""
    tables = ("oauth_application", "oauth2_provider_accesstoken")
    before = sum(measure_bytes(table) for table in tables)
    count = 100
    for number in range(count):
        register(client_name=f"{number:080}", redirect_uris=[f"https://a.example/{number:080}"])
    bytes_each = (sum(measure_bytes(table) for table in tables) - before) / count
    assert bytes_each < 3_000


def measure_bytes(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_total_relation_size(%s)", [table])
        return int(cursor.fetchone()[0])
