"""Fixtures of the tests of benchmarks."""

import pytest

from core.db import roles


@pytest.fixture(autouse=True)
def _keep_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stay in the role of the tests: a benchmark makes its process an operator's, for good."""
    monkeypatch.setattr(roles, "act_as_operator", lambda: None)
