"""Invitations: for one sign-up each, with an expiry, shown once."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import invitations
from accounts.models import Invitation, User
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _invitation_only(settings: Any) -> None:
    settings.SIGNUP = "invite"


def sign_up(client: Client, email: str = "grace@example.org") -> str:
    return client.post(
        "/accounts/signup/", {"email": email, "password1": PASSWORD}, follow=True
    ).content.decode()


def test_link_can_be_used_for_one_signup(client: Client) -> None:
    secret = invitations.create_invitation()
    client.get(f"/accounts/invitation/{secret}/", follow=True)
    sign_up(client)
    grace = User.objects.get(email="grace@example.org")
    assert Invitation.objects.get().used_by == grace
    other = Client()
    other.get(f"/accounts/invitation/{secret}/")
    assert "by invitation" in sign_up(other, "heidi@example.org")
    assert User.objects.count() == 1


def test_invited_user_gets_the_language_of_their_browser(client: Client) -> None:
    client.get(f"/accounts/invitation/{invitations.create_invitation()}/", headers={"Accept-Language": "en"})
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "uk,en;q=0.5"
    sign_up(client)
    assert User.objects.get(email="grace@example.org").language == "uk"


def test_link_opened_twice_allows_one_signup(client: Client) -> None:
    secret = invitations.create_invitation()
    other = Client()
    for browser in (client, other):
        browser.get(f"/accounts/invitation/{secret}/")
    sign_up(client)
    assert "by invitation" in sign_up(other, "heidi@example.org")
    assert [user.email for user in User.objects.all()] == ["grace@example.org"]


def test_invitation_is_limited_to_its_email(client: Client) -> None:
    secret = invitations.create_invitation("grace@example.org")
    client.get(f"/accounts/invitation/{secret}/")
    assert "for another e-mail address" in sign_up(client, "heidi@example.org")
    sign_up(client, "Grace@Example.org")
    assert User.objects.count() == 1


def test_redeeming_for_another_email_is_rejected() -> None:
    secret = invitations.create_invitation("grace@example.org")
    with pytest.raises(invitations.InvalidInvitation):
        invitations.redeem_invitation(secret, User.objects.create_user("heidi@example.org"))


@pytest.mark.parametrize("secret", ["wrong", "ä", "x" * 300])
def test_wrong_secret_does_not_open_signup(client: Client, secret: str) -> None:
    response = client.get(f"/accounts/invitation/{secret}/", follow=True)
    assert "by invitation" in response.content.decode()


def test_invitation_expires(client: Client) -> None:
    secret = invitations.create_invitation(days=1)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert invitations.find_invitation(secret) is None


def test_secret_is_not_stored() -> None:
    secret = invitations.create_invitation()
    assert secret.encode() not in bytes(Invitation.objects.get().secret_digest)


def test_invite_command_prints_a_link(client: Client) -> None:
    out = StringIO()
    call_command("invite", "Grace@Example.org", "--days", "3", stdout=out)
    link = out.getvalue().strip()
    response = client.get("/accounts/invitation/" + link.rsplit("/", 2)[1] + "/", follow=True)
    assert 'name="password1"' in response.content.decode()
    assert Invitation.objects.get().email == "grace@example.org"


@pytest.mark.parametrize("args", [["nobody"], ["--days", "0"]])
def test_invite_command_rejects_invalid_arguments(args: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("invite", *args)
