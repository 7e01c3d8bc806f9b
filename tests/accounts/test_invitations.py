"""Invitations: one person each, for a time, shown once."""

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
def _by_invitation(settings: Any) -> None:
    settings.SIGNUP = "invite"


def sign_up(client: Client, email: str = "grace@example.org") -> str:
    return client.post(
        "/accounts/signup/", {"email": email, "password1": PASSWORD}, follow=True
    ).content.decode()


def test_the_link_lets_one_person_sign_up(client: Client) -> None:
    secret = invitations.create_invitation()
    client.get(f"/accounts/invitation/{secret}/", follow=True)
    sign_up(client)
    grace = User.objects.get(email="grace@example.org")
    assert Invitation.objects.get().used_by == grace
    another = Client()
    another.get(f"/accounts/invitation/{secret}/")
    assert "by invitation" in sign_up(another, "heidi@example.org")
    assert User.objects.count() == 1


def test_two_who_hold_the_link_at_once_are_not_both_let_in(client: Client) -> None:
    secret = invitations.create_invitation()
    late = Client()
    for browser in (client, late):
        browser.get(f"/accounts/invitation/{secret}/")
    sign_up(client)
    assert "by invitation" in sign_up(late, "heidi@example.org")
    assert [user.email for user in User.objects.all()] == ["grace@example.org"]


def test_an_invitation_for_an_address_is_for_that_address(client: Client) -> None:
    secret = invitations.create_invitation("grace@example.org")
    client.get(f"/accounts/invitation/{secret}/")
    assert "for another e-mail address" in sign_up(client, "heidi@example.org")
    sign_up(client, "Grace@Example.org")
    assert User.objects.count() == 1


def test_spending_for_another_address_is_refused() -> None:
    secret = invitations.create_invitation("grace@example.org")
    with pytest.raises(invitations.InvalidInvitation):
        invitations.redeem_invitation(secret, User.objects.create_user("heidi@example.org"))


@pytest.mark.parametrize("secret", ["wrong", "ä", "x" * 300])
def test_a_wrong_secret_opens_nothing(client: Client, secret: str) -> None:
    response = client.get(f"/accounts/invitation/{secret}/", follow=True)
    assert "by invitation" in response.content.decode()


def test_an_invitation_runs_out(client: Client) -> None:
    secret = invitations.create_invitation(days=1)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert invitations.find_invitation(secret) is None


def test_the_secret_is_not_stored() -> None:
    secret = invitations.create_invitation()
    assert secret.encode() not in bytes(Invitation.objects.get().secret_digest)


def test_the_command_prints_a_link(client: Client) -> None:
    out = StringIO()
    call_command("invite", "Grace@Example.org", "--days", "3", stdout=out)
    link = out.getvalue().strip()
    response = client.get("/accounts/invitation/" + link.rsplit("/", 2)[1] + "/", follow=True)
    assert 'name="password1"' in response.content.decode()
    assert Invitation.objects.get().email == "grace@example.org"


@pytest.mark.parametrize("args", [["nobody"], ["--days", "0"]])
def test_the_command_refuses_nonsense(args: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("invite", *args)
