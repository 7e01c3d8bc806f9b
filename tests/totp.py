"""Codes of authenticator apps. The server accepts that of the present half minute only."""

import time

import pytest
from allauth.mfa.totp.internal import auth

STEP_S = 30
MARGIN_S = 8  # more than a request takes
STEP = 1_000_000


def hold_totp_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the step not end during a test in this process; then compute_held_code returns its code."""
    monkeypatch.setattr(auth, "yield_hotp_counters_from_time", lambda: iter([STEP]))


def compute_held_code(secret: str) -> str:
    return str(auth.format_hotp_value(auth.hotp_value(secret, STEP)))


def compute_code(secret: str) -> str:
    """Return the code for another process. Wait for the next step if the present one is about to end."""
    left_s = STEP_S - time.time() % STEP_S
    if left_s < MARGIN_S:
        time.sleep(left_s)
    return str(auth.format_hotp_value(auth.hotp_value(secret, int(time.time()) // STEP_S)))
