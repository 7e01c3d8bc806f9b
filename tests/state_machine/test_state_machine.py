"""Whatever two people do, in any order: no answer to one holds a word of the other's that is not meant for them."""

import itertools
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.test import Client
from hypothesis import HealthCheck, Phase
from hypothesis import settings as extent
from hypothesis.stateful import run_state_machine_as_test

from accounts.models import User
from tests.chaos.report import IS_LONG, record
from tests.factories import remember
from tests.state_machine.apps_machine import AppsMachine
from tests.state_machine.machine import Machine
from tests.state_machine.questions import METHODS, ROUTES, Knock

EXTENT = extent(
    max_examples=100 if IS_LONG else 8,
    stateful_step_count=50 if IS_LONG else 25,
    derandomize=not IS_LONG,
    phases=[Phase.generate, Phase.shrink] if IS_LONG else [Phase.generate],  # to shrink takes minutes
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_whatever_two_people_do_neither_learns_what_is_the_others(
    ada: User, bob: User, ada_client: Client, bob_client: Client
) -> None:
    Machine.people = {"ada": ada, "bob": bob}
    Machine.clients = {"ada": ada_client, "bob": bob_client}
    run_state_machine_as_test(Machine, settings=EXTENT)
    record_histories("two people")


@pytest.mark.slow
def test_whatever_apps_do_over_rest_none_learns_more_than_its_person_lets_it(
    ada: User, bob: User, settings: LazySettings
) -> None:
    settings.API_REQUESTS_PER_MINUTE = settings.API_ANONYMOUS_PER_MINUTE = 1_000_000
    AppsMachine.people = {"ada": ada, "bob": bob}
    run_state_machine_as_test(AppsMachine, settings=EXTENT)
    record_histories("people and apps")


def record_histories(whose: str) -> None:
    what = f"words told to whom they are not for, in histories of up to {EXTENT.stateful_step_count} acts"
    record(f"state machine of {whose}", tries=EXTENT.max_examples, lost=0, what=what)


@pytest.mark.parametrize("visibility", ["private", "public"])
def test_at_every_door_forbidden_is_absent(ada: User, bob_client: Client, visibility: str) -> None:
    ada.persona_enabled = True
    ada.save()
    memory = remember(ada, "The walrus of ada.", visibility=visibility)
    for route, method, by_htmx in itertools.product(ROUTES, METHODS, (False, True)):
        knock = Knock(route, method, by_htmx)
        status, *told = knock.at(bob_client, memory.pk)
        assert (status, *told) == knock.at(bob_client, uuid4()), knock
        assert status in (404, 405), knock
    assert len(ROUTES) >= 9
