"""Two people do whatever they like, in any order, by services and pages; neither ever learns what is the other's."""

import pytest

pytest.register_assert_rewrite(
    "tests.state_machine.machine", "tests.state_machine.apps_machine", "tests.state_machine.persona_machine"
)  # so that a failure says what was compared
