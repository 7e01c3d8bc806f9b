"""Whatever apps write, no persona reveals private memories, and nothing becomes public."""

from collections import Counter

import pytest
from hypothesis.stateful import run_state_machine_as_test
from pytest_django import Settings

from accounts.models import User
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
    run_state_machine_as_test(PersonaMachine, settings=EXTENT)
    assert all(PersonaMachine.answers[how] for how in ("generated", "quoted", "none"))
