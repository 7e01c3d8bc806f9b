"""Whatever two users do, in any order: no response contains a word of the other that its reader may not see."""

import itertools
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from hypothesis import HealthCheck, Phase
from hypothesis import settings as extent
from hypothesis.stateful import run_state_machine_as_test

from accounts.models import User
from accounts.rate_limits import RateLimit
from oauth import rate_limits
from tests.chaos.report import IS_LONG, record
from tests.factories import remember
from tests.state_machine.apps_machine import AppsMachine
from tests.state_machine.machine import UserMachine
from tests.state_machine.questions import METHODS, ROUTES, PageRequest

EXTENT = extent(
    max_examples=100 if IS_LONG else 4,
    stateful_step_count=50 if IS_LONG else 25,
    derandomize=not IS_LONG,
    phases=[Phase.generate, Phase.shrink] if IS_LONG else [Phase.generate],  # shrinking takes minutes
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_two_users_never_see_each_others_private_words(
    ada: User, bob: User, ada_client: Client, bob_client: Client
) -> None:
    UserMachine.users = {"ada": ada, "bob": bob}
    UserMachine.clients = {"ada": ada_client, "bob": bob_client}
    run_state_machine_as_test(UserMachine, settings=EXTENT)
    record_histories("two users")


@pytest.mark.slow
def test_rest_apps_never_see_more_than_their_grant_allows(
    ada: User, bob: User, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = settings.API_ANONYMOUS_PER_MINUTE = 1_000_000
    settings.WORK_SECONDS_PER_MINUTE = 0
    monkeypatch.setattr(rate_limits, "PERSONAL_TOKENS", RateLimit("personal-tokens", 1_000_000))
    AppsMachine.users = {"ada": ada, "bob": bob}
    run_state_machine_as_test(AppsMachine, settings=EXTENT)
    record_histories("users and apps")


def record_histories(actors: str) -> None:
    what = f"words shown to unauthorised users, in histories of up to {EXTENT.stateful_step_count} actions"
    record(f"state machine of {actors}", tries=EXTENT.max_examples, lost=0, what=what)


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_forbidden_memory_looks_absent_on_every_route(ada: User, bob_client: Client, visibility: str) -> None:
    ada.persona_enabled = True
    ada.save()
    memory = remember(ada, "The walrus of ada.", visibility=visibility)
    for route, method, by_htmx in itertools.product(ROUTES, METHODS, (False, True)):
        request = PageRequest(route, method, by_htmx)
        status, *rest = request.send(bob_client, memory.pk)
        assert (status, *rest) == request.send(bob_client, uuid4()), request
        # 422: an edit in the list keeps what was typed, and offers to save it as a new memory.
        assert status in (404, 405, 422), request
    assert len(ROUTES) >= 9
