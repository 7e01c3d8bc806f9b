"""A person can leave: closed at once, back within the time for it, and after that nothing of theirs is left."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.apps import apps
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actor import Actor, Channel, InsufficientScope
from accounts.deletion import service as deletion
from accounts.models import PersonKey, User
from memories.jobs import retention
from memories.models import AuditEvent, Memory
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.accounts.sessions.test_sessions import is_in, log_in
from tests.factories import PASSWORD, make_person, remember, session
from tests.oauth.flows import access_token, make_app

pytestmark = pytest.mark.django_db
PAGE = "/accounts/delete/"


def close(person: User) -> User:
    return deletion.close_account(session(person))


def run_out(person: User) -> None:
    User.objects.filter(pk=person.pk).update(delete_at=timezone.now() - timedelta(seconds=1))


def test_it_is_closed_after_the_password_and_the_handle(ada: User) -> None:
    here, elsewhere = log_in(ada), log_in(ada)
    asked = here.get(PAGE)["Location"]
    assert asked.startswith("/accounts/reauthenticate/")
    here.post(asked, {"password": PASSWORD})
    assert "Export your data first" in here.get(PAGE).content.decode()
    assert here.post(PAGE, {"handle": "somebody-else"}).status_code == 422
    assert is_in(elsewhere)
    assert here.post(PAGE, {"handle": f"@{ada.handle}"}, follow=True).status_code == 200
    assert not is_in(here)
    assert not is_in(elsewhere)


def test_nothing_of_a_closed_account_is_open(ada: User, bob: User, bob_client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True, public_page_enabled=True)
    ada.refresh_from_db()
    memory = remember(ada, "Ada plays the violin.", visibility="public")
    token = access_token(ada, make_app())
    assert Memory.objects.visible_to(session(bob)).exists()
    close(ada)
    assert not Memory.objects.visible_to(session(bob)).exists()
    assert Client().get(f"/@{ada.handle}").status_code == 404
    assert bob_client.get(f"/memories/{memory.pk}/").status_code == 404
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_the_handle_and_the_address_stay_taken(ada: User) -> None:
    close(ada)
    assert User.objects.filter(handle=ada.handle, email=ada.email).exists()


def test_an_app_closes_no_account(ada: User) -> None:
    with pytest.raises(InsufficientScope):
        deletion.close_account(
            Actor(user=ada, door=Channel.API, client_id="notes", scopes=frozenset({"memories:admin"}))
        )


def test_the_letters_link_brings_it_back_once_and_what_was_ended_stays_so(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    browser, token = log_in(ada), access_token(ada, make_app())
    remember(ada, "The violin is from Cremona.")
    with django_capture_on_commit_callbacks(execute=True):
        close(ada)
    path = re.search(r"/accounts/restore/\S+", str(mail.outbox[-1].body))
    assert path
    assert "Restore your account?" in Client().get(path[0]).content.decode()
    assert not User.objects.get().is_active  # looking, as a mail scanner does, is not a yes
    with django_capture_on_commit_callbacks(execute=True):
        Client().post(path[0])
    assert "was restored" in str(mail.outbox[-1].body)
    assert User.objects.get().is_active
    assert Memory.objects.get().text == "The violin is from Cremona."
    assert not is_in(browser)
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)
    assert Client().post(path[0]).status_code == 404


@pytest.mark.parametrize("token", ["x", "WyJ4Il0:1abcde:forged"])
def test_a_made_up_link_brings_nothing_back(ada: User, token: str) -> None:
    close(ada)
    assert Client().post(f"/accounts/restore/{token}/").status_code == 404
    assert not User.objects.get().is_active


def test_logging_in_brings_it_back_after_a_question(ada: User) -> None:
    close(ada)
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/restore/"
    assert ada.handle in browser.get("/accounts/restore/").content.decode()
    assert not is_in(browser)
    browser.post("/accounts/restore/")
    assert is_in(browser)


def test_a_password_without_the_second_factor_brings_nothing_back(ada: User) -> None:
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")
    code = RecoveryCodes.activate(ada).get_unused_codes()[0]
    close(ada)
    browser = Client()
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    browser.post("/accounts/restore/")
    assert not User.objects.get().is_active
    browser.post("/accounts/2fa/authenticate/", {"code": code})
    browser.post("/accounts/restore/")
    assert is_in(browser)


def test_who_was_closed_by_staff_is_asked_nothing(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    answer = Client().post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/inactive/"


def test_staff_can_bring_it_back(ada: User, carol: User) -> None:
    close(ada)
    browser = Client()
    browser.force_login(carol)
    assert browser.post(f"/admin/accounts/user/{ada.pk}/change/", {"is_active": "on"}).status_code == 302
    ada.refresh_from_db()
    assert (ada.is_active, ada.delete_at) == (True, None)


def test_both_acts_stand_in_the_persons_record(ada: User) -> None:
    close(ada)
    deletion.restore_account(ada.pk, by=session(ada))
    recorded = list(AuditEvent.objects.order_by("pk").values_list("action", "owner_id"))
    assert recorded == [("account:close", ada.pk), ("account:restore", ada.pk)]


def test_in_time_no_row_names_them_and_others_keep_theirs(ada: User, bob: User) -> None:
    for person in (ada, bob):
        remember(person, "The attic key hangs in the hall.", tags=["home"])
        access_token(person, make_app())
        TOTP.activate(person, "JBSWY3DPEHPK3PXP")
        log_in(person)
    close(ada)
    assert retention.run_steps()["closed accounts"] == 0
    run_out(ada)
    assert retention.run_steps()["closed accounts"] == 1
    assert tables_naming(ada) == []
    assert PersonKey.objects.get().user == bob
    assert Memory.objects.get().text == "The attic key hangs in the hall."


def tables_naming(person: User) -> list[str]:
    """The tables in which the person's id, handle or address stands, in whatever column."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        with connection.cursor() as cursor:
            said = [f"%{word}%" for word in (person.pk, person.handle, person.email)]
            row = f'select from "{table}" as one where one::text ilike any(%s)'
            cursor.execute(f"select exists ({row})", [said])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_the_command_deletes_at_once_whoever_is_meant(ada: User, bob: User, monkeypatch: Any) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("delete_person", ada.email, stdout=StringIO())
    monkeypatch.setattr("builtins.input", lambda _: ada.handle)
    call_command("delete_person", ada.email, stdout=StringIO())
    call_command("delete_person", str(bob.pk), "--yes", stdout=StringIO())
    assert not User.objects.exists()
    with pytest.raises(CommandError, match="There is no"):
        call_command("delete_person", "@nobody", stdout=StringIO())


def test_two_at_once_are_both_deleted(db: None) -> None:
    people = [make_person(name) for name in ("dan", "eve")]
    for person in people:
        close(person)
        run_out(person)
    assert deletion.delete_due_accounts() == 2
