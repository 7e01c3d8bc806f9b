"""Two people and their apps do whatever they like, in any order; neither ever learns what is the other's."""

import pytest

pytest.register_assert_rewrite("tests.state_machine.machine")  # so that a failure says what was compared
