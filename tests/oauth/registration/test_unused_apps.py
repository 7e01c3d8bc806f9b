"""Self-registered apps that nobody has connected are purged a week after the last disconnection."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.deletion import service as deletion
from accounts.models import User
from accounts.sessions.revocation import disconnect_apps
from memories import scopes
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.registration.dynamic import UNUSED_DAYS, purge_unused_apps
from tests.oauth.flows import App, allow, make_app

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=UNUSED_DAYS)


@pytest.fixture
def app(ada: User) -> App:
    """Return an app that registered itself long ago and that ada has connected."""
    app = make_app(is_public=True, registration_source=Application.RegistrationSource.DCR)
    Application.objects.update(created=timezone.now() - timedelta(days=100))
    allow(ada, app)
    return app


def disconnect_on_the_page(ada: User) -> None:
    browser = Client()
    browser.force_login(ada)
    browser.post(f"/accounts/apps/{AppGrant.objects.get(user=ada).pk}/disconnect/")


def revoke_as_staff(ada: User) -> None:
    grants.revoke_grant(AppGrant.objects.get(user=ada))


WAYS: list[Callable[[User], object]] = [
    disconnect_on_the_page,
    revoke_as_staff,
    disconnect_apps,
    deletion.delete_account_permanently,
    User.delete,
    lambda ada: User.objects.filter(pk=ada.pk).delete(),
]


@pytest.mark.parametrize("disconnect", WAYS)
def test_week_counts_from_the_disconnection(
    ada: User, app: App, disconnect: Callable[[User], object]
) -> None:
    disconnect(ada)
    assert not AppGrant.objects.exists()
    assert purge_unused_apps() == 0
    Application.objects.update(disconnected_at=timezone.now() - WEEK - timedelta(hours=1))
    assert purge_unused_apps() == 1
    assert not Application.objects.exists()


def test_connected_app_is_kept_whatever_happened_to_its_tokens(ada: User, bob: User, app: App) -> None:
    """Also after the access expired, because the user may renew it, and while another user has it connected."""
    tokens = app.connect(bob, scope=scopes.READ)
    app.http.post(
        "/oauth/revoke/", {"client_id": app.application.client_id, "token": tokens["refresh_token"]}
    )
    revoke_as_staff(ada)
    AppGrant.objects.update(ends_at=timezone.now() - timedelta(days=50))
    Application.objects.update(disconnected_at=timezone.now() - timedelta(days=50))
    assert purge_unused_apps() == 0


def test_app_is_purged_a_week_after_registration_if_nobody_connects_it(ada: User) -> None:
    make_app()  # registered manually
    make_app(is_public=True, registration_source=Application.RegistrationSource.CIMD)
    Application.objects.update(created=timezone.now() - WEEK + timedelta(hours=1))
    assert purge_unused_apps() == 0
    Application.objects.update(created=timezone.now() - WEEK - timedelta(hours=1))
    assert purge_unused_apps() == 1
    assert not Application.objects.get().is_self_registered
