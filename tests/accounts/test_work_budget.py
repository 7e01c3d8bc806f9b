"""One user's work is bounded, by whatever apps and sessions it is done."""

from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts import work_budget
from accounts.models import User
from accounts.rate_limits import RateLimitExceeded
from accounts.work_budget import WINDOW_S, Share, charge_work, require_budget
from core.work_meter import WorkMeter
from tests.factories import remember
from tests.memories.api.callers import app_of, session_of
from tests.memories.mcp import callers as mcp

pytestmark = pytest.mark.django_db
ALL = 1_000.0  # seconds of work, more than any window holds


def use_up(user: User, share: Share) -> None:
    """Charge the user as much work as the share can get."""
    for _ in range(20):
        charge_work(user.pk, share, ALL)


def is_allowed(user: User, share: Share) -> bool:
    try:
        require_budget(user.pk, share)
    except RateLimitExceeded:
        return False
    return True


def burn_database(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_sleep(%s)", [seconds])


def test_all_apps_of_a_user_share_one_budget(ada: User, bob: User) -> None:
    first, second, of_bob = app_of(ada), app_of(ada), app_of(bob)
    use_up(ada, Share.APPS)
    for caller in (first, second):
        refused = caller("get", "/whoami/")
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert 0 < int(refused.headers["Retry-After"]) <= WINDOW_S
        assert "too much of the server's time" in refused.json["detail"]
    assert of_bob("get", "/whoami/").status == 200


def test_mcp_is_refused_in_its_own_form(ada: User) -> None:
    caller = mcp.app_of(ada)
    use_up(ada, Share.APPS)
    refused = caller.call("whoami")
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert "too much" in refused.json["error"]["message"]


def test_apps_leave_a_part_to_the_pages_of_their_user(ada: User, ada_client: Client) -> None:
    caller = app_of(ada)
    use_up(ada, Share.APPS)
    assert caller("get", "/memories/").status == 429
    for path in ("/memories/", "/connect/", "/accounts/apps/", "/api/v1/memories/"):
        assert ada_client.get(path).status_code == 200, path


def test_pages_leave_a_part_to_those_that_disconnect_apps(ada: User, ada_client: Client) -> None:
    use_up(ada, Share.PAGES)
    for path in ("/memories/", "/connect/", "/memories/insights/"):
        refused = ada_client.get(path)
        assert refused.status_code == 429, path
        assert int(refused["Retry-After"]) >= 1
        assert "Too many requests" in refused.content.decode()
    of_api = session_of(ada)("get", "/memories/")
    assert (of_api.status, of_api.code) == (429, "rate_limited")
    for path in ("/accounts/apps/", "/accounts/apps/activity/", "/accounts/"):
        assert ada_client.get(path).status_code == 200, path
    use_up(ada, Share.ACCOUNT)
    assert ada_client.get("/accounts/apps/").status_code == 429
    assert Client().get("/accounts/login/").status_code == 200


def test_budget_is_replenished(ada: User, settings: Settings) -> None:
    settings.WORK_SECONDS_PER_MINUTE = 60.0  # a second of work a second
    use_up(ada, Share.APPS)
    [account] = work_budget._accounts.values()
    assert account.level_s == pytest.approx(Share.APPS.ceiling_s, abs=5)
    assert not is_allowed(ada, Share.APPS)
    with connection.cursor() as cursor:
        cursor.execute("update accounts_rate_limit set earned_at = earned_at - interval '70 seconds'")
    charge_work(ada.pk, Share.APPS, work_budget.SETTLE_S)
    assert account.level_s == pytest.approx(Share.APPS.ceiling_s - 70, abs=5)
    assert is_allowed(ada, Share.APPS)


def test_anonymous_questions_use_up_a_budget_of_their_persona(ada: User, bob: User, client: Client) -> None:
    for user in (ada, bob):
        User.objects.filter(pk=user.pk).update(persona_enabled=True, public_page_enabled=True)
    ask = partial(client.post, data={"question": "Where does she live?"})
    assert ask(f"/@{ada.handle}").status_code == 200
    visitors = work_budget._accounts.get(f"visitors:{ada.pk}")
    assert visitors is not None
    assert visitors.unsettled_s > 0
    for _ in range(20):
        work_budget._charge_work(f"visitors:{ada.pk}", Share.PAGES, ALL)
    refused = ask(f"/@{ada.handle}")
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert client.get(f"/@{ada.handle}").status_code == 200
    assert ask(f"/@{bob.handle}").status_code == 200
    assert is_allowed(ada, Share.APPS)  # visitors take nothing from the owner
    client.force_login(bob)
    assert ask(f"/@{ada.handle}").status_code == 200  # charged to himself


def test_other_processes_learn_the_level_with_their_first_part(ada: User) -> None:
    use_up(ada, Share.APPS)
    assert not is_allowed(ada, Share.APPS)
    work_budget.reset_budgets()  # as another process, which knows nothing
    assert is_allowed(ada, Share.APPS)
    charge_work(ada.pk, Share.APPS, work_budget.SETTLE_S)
    assert not is_allowed(ada, Share.APPS)


def test_work_beyond_the_limit_is_not_forgiven(ada: User) -> None:
    """A request that was allowed just below the limit costs what it costs, as far as it leaves pages their part."""
    while is_allowed(ada, Share.APPS):
        charge_work(ada.pk, Share.APPS, 1.0)
    charge_work(ada.pk, Share.APPS, 5.0)
    with pytest.raises(RateLimitExceeded) as refused:
        require_budget(ada.pk, Share.APPS)
    assert refused.value.retry_after_s >= 5  # five seconds of work take seven and a half at 40 a minute
    assert is_allowed(ada, Share.PAGES)


def test_one_large_import_or_export_uses_up_no_budget(ada: User) -> None:
    """The time that it took has given back most of what it cost."""
    charge_work(ada.pk, Share.PAGES, 120.0)
    assert is_allowed(ada, Share.APPS)


def test_large_exports_without_a_pause_use_up_the_budget(ada: User) -> None:
    for _ in range(5):
        charge_work(ada.pk, Share.PAGES, 40.0)  # two at once, 40 seconds each
        charge_work(ada.pk, Share.PAGES, 40.0)
        with connection.cursor() as cursor:  # the time that passes during the next ones
            cursor.execute("update accounts_rate_limit set earned_at = earned_at - interval '40 seconds'")
    charge_work(ada.pk, Share.PAGES, 40.0)
    assert not is_allowed(ada, Share.PAGES)
    assert is_allowed(ada, Share.ACCOUNT)


def test_work_is_processor_time_and_the_time_of_queries() -> None:
    charged: list[float] = []
    meter = WorkMeter()
    with meter.measure():
        burn_database(0.3)
        meter.charge = charged.append  # known later than the work began
    assert charged[0] >= 0.3
    with meter.measure():
        sum(number * number for number in range(2_000_000))
    assert charged[1] > 0.005


def test_work_of_a_request_is_charged_to_its_user(ada: User, ada_client: Client) -> None:
    """Of REST, MCP and pages alike: what they use is added up in the row of their user."""
    remember(ada, "The walrus sleeps.")
    rest, of_mcp = app_of(ada), mcp.app_of(ada)
    used: list[float] = []
    for send in (
        lambda: rest("get", "/memories/"),
        lambda: of_mcp.call("whoami"),
        lambda: ada_client.get("/memories/"),
        lambda: ada_client.get("/accounts/apps/"),
        lambda: session_of(ada)("get", "/memories/"),
    ):
        work_budget.reset_budgets()
        send()
        [account] = work_budget._accounts.values()
        used.append(account.unsettled_s + account.level_s)
    assert min(used) > 0
    assert work_budget._accounts.get(str(ada.pk)) == account


def test_streamed_export_is_charged(ada: User, ada_client: Client) -> None:
    remember(ada, "The walrus sleeps.")
    response: Any = ada_client.post("/memories/export/jsonl/")
    before = sum(each.unsettled_s for each in work_budget._accounts.values())
    assert b"walrus" in b"".join(response.streaming_content)
    response.close()
    assert sum(each.unsettled_s for each in work_budget._accounts.values()) > before


def test_no_budget_is_kept_without_a_limit(ada: User, ada_client: Client, settings: Settings) -> None:
    settings.WORK_SECONDS_PER_MINUTE = 0
    use_up(ada, Share.PAGES)
    assert ada_client.get("/memories/").status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from accounts_rate_limit where key = %s", [f"work:{ada.pk}"])
        assert cursor.fetchone() == (0,)
