"""Unusable codes and tokens are purged; revoked refresh tokens are kept as long as reuse must be detected."""

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
    """A connected app that has refreshed once and has an unused code."""
    app = make_app()
    app.refresh(app.connect(ada)["refresh_token"])
    app.code(ada)
    return app


def count_rows() -> list[int]:
    return [
        table.objects.count()
        for table in (AuthorizationCode, AccessToken, RefreshToken, TokenFamily, RotationReceipt)
    ]


def test_usable_tokens_are_kept(app: App) -> None:
    retention.run_steps()
    assert count_rows() == [1, 1, 2, 1, 1]


def test_expired_codes_and_receipts_are_purged(app: App) -> None:
    AuthorizationCode.objects.update(expires=timezone.now() - timedelta(seconds=1))
    RotationReceipt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    retention.run_steps()
    assert count_rows() == [0, 1, 2, 1, 0]


def test_refresh_token_unused_for_30_days_is_purged_and_its_predecessor_kept(app: App) -> None:
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=31))
    retention.run_steps()
    assert count_rows()[1:4] == [0, 1, 1]


def test_everything_is_purged_after_90_days(app: App) -> None:
    long_ago = timezone.now() - timedelta(days=91)
    AccessToken.objects.update(expires=long_ago)
    RefreshToken.objects.filter(revoked__isnull=False).update(revoked=long_ago)
    TokenFamily.objects.update(began_at=long_ago)
    retention.run_steps()
    assert count_rows()[1:4] == [0, 0, 0]
