"""Whatever apps write, no persona reveals private memories, and nothing becomes public."""

from collections import Counter

import pytest
from hypothesis import settings as extent
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings

from accounts.models import User
from tests.chaos.report import IS_LONG
from tests.model_server import ModelServer
from tests.state_machine.persona_machine import PersonaMachine
from tests.state_machine.test_state_machine import EXTENT


@pytest.mark.slow
@pytest.mark.django_db
def test_no_persona_reveals_private_memories_and_no_app_publishes(
    ada: User, bob: User, settings: Settings, model: ModelServer
) -> None:
    settings.API_REQUESTS_PER_MINUTE = settings.API_ANONYMOUS_PER_MINUTE = 1_000_000
    settings.WORK_SECONDS_PER_MINUTE = 0
    PersonaMachine.users, PersonaMachine.settings = {"ada": ada, "bob": bob}, settings
    PersonaMachine.model, PersonaMachine.chat, PersonaMachine.answers = model, settings.CHAT, Counter()
    model.says = None
    enough = EXTENT if IS_LONG else extent(EXTENT, max_examples=6)  # for each kind of answer
    run_state_machine_as_test(PersonaMachine, settings=enough)
    assert all(PersonaMachine.answers[how] for how in ("generated", "quoted", "none"))
