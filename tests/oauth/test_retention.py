"""What can be used no more is deleted, and what a replay would still tell something about is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from memories.jobs import retention
from oauth.models import RotationReceipt, TokenFamily
from oauth.tokens.families import AccessToken, AuthorizationCode, RefreshToken
from tests.oauth.flows import App, make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(ada: User) -> App:
    """Connected, refreshed once, and with a code that was not used."""
    app = make_app()
    app.refresh(app.connect(ada)["refresh_token"])
    app.code(ada)
    return app


def rows() -> list[int]:
    return [
        table.objects.count()
        for table in (AuthorizationCode, AccessToken, RefreshToken, TokenFamily, RotationReceipt)
    ]


def test_what_is_alive_stays(app: App) -> None:
    retention.run_steps()
    assert rows() == [1, 1, 2, 1, 1]


def test_codes_and_receipts_go_after_their_time(app: App) -> None:
    AuthorizationCode.objects.update(expires=timezone.now() - timedelta(seconds=1))
    RotationReceipt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    retention.run_steps()
    assert rows() == [0, 1, 2, 1, 0]


def test_a_token_that_was_not_used_for_30_days_goes_and_its_predecessor_stays(app: App) -> None:
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=31))
    retention.run_steps()
    assert rows()[1:4] == [0, 1, 1]


def test_after_90_days_nothing_is_left(app: App) -> None:
    long_ago = timezone.now() - timedelta(days=91)
    AccessToken.objects.update(expires=long_ago)
    RefreshToken.objects.filter(revoked__isnull=False).update(revoked=long_ago)
    TokenFamily.objects.update(began_at=long_ago)
    retention.run_steps()
    assert rows()[1:4] == [0, 0, 0]
