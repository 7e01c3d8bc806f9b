"""Deletion of accounts: closed at once, restorable during the grace period, then deleted with all data."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.apps import apps
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actor import Actor, Channel, InsufficientScope
from accounts.deletion import service as deletion
from accounts.models import PersonKey, User
from memories.jobs import retention
from memories.models import AuditEvent, Memory
from oauth.tokens.bearer import InvalidAccessToken, authenticate_token
from tests.accounts.sessions.test_sessions import is_logged_in, log_in
from tests.factories import PASSWORD, make_person, remember, session
from tests.oauth.flows import access_token, make_app
from tests.processes import wait_until

pytestmark = pytest.mark.django_db
PAGE = "/accounts/delete/"


def close_account(person: User) -> User:
    return deletion.close_account(session(person))


def end_grace_period(person: User) -> None:
    User.objects.filter(pk=person.pk).update(delete_at=timezone.now() - timedelta(seconds=1))


def test_closing_requires_password_and_handle_and_ends_all_sessions(ada: User) -> None:
    browser, other = log_in(ada), log_in(ada)
    reauthentication = browser.get(PAGE)["Location"]
    assert reauthentication.startswith("/accounts/reauthenticate/")
    browser.post(reauthentication, {"password": PASSWORD})
    assert "Export your data first" in browser.get(PAGE).content.decode()
    assert browser.post(PAGE, {"handle": "somebody-else"}).status_code == 422
    assert is_logged_in(other)
    assert browser.post(PAGE, {"handle": f"@{ada.handle}"}, follow=True).status_code == 200
    assert not is_logged_in(browser)
    assert not is_logged_in(other)


def test_form_that_was_abandoned_closes_nothing_when_its_page_is_opened_again(ada: User) -> None:
    browser = log_in(ada)
    browser.post(PAGE, {"handle": ada.handle})  # and the password is not entered
    reauthentication = browser.get(PAGE)["Location"]
    assert browser.post(reauthentication, {"password": PASSWORD})["Location"] == PAGE
    assert browser.get(PAGE).status_code == 200
    assert User.objects.get(pk=ada.pk).delete_at is None


def test_data_of_a_closed_account_is_inaccessible(ada: User, bob: User, bob_client: Client) -> None:
    User.objects.filter(pk=ada.pk).update(persona_enabled=True, public_page_enabled=True)
    ada.refresh_from_db()
    memory = remember(ada, "Ada plays the violin.", visibility="public")
    token = access_token(ada, make_app())
    assert Memory.objects.visible_to(session(bob)).exists()
    close_account(ada)
    assert not Memory.objects.visible_to(session(bob)).exists()
    assert Client().get(f"/@{ada.handle}").status_code == 404
    assert bob_client.get(f"/memories/{memory.pk}/").status_code == 404
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)


def test_handle_and_email_of_a_closed_account_stay_reserved(ada: User) -> None:
    close_account(ada)
    assert User.objects.filter(handle=ada.handle, email=ada.email).exists()


def test_an_app_cannot_close_an_account(ada: User) -> None:
    with pytest.raises(InsufficientScope):
        deletion.close_account(
            Actor(user=ada, door=Channel.API, client_id="notes", scopes=frozenset({"memories:admin"}))
        )


def test_emailed_link_restores_once_and_sessions_stay_revoked(
    ada: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    browser, token = log_in(ada), access_token(ada, make_app())
    remember(ada, "The violin is from Cremona.")
    with django_capture_on_commit_callbacks(execute=True):
        close_account(ada)
    path = re.search(r"/accounts/restore/\S+", str(mail.outbox[-1].body))
    assert path
    assert "Restore your account?" in Client().get(path[0]).content.decode()
    assert not User.objects.get().is_active  # opening the link, as mail scanners do, restores nothing
    with django_capture_on_commit_callbacks(execute=True):
        Client().post(path[0])
    assert "was restored" in str(mail.outbox[-1].body)
    assert User.objects.get().is_active
    assert Memory.objects.get().text == "The violin is from Cremona."
    assert not is_logged_in(browser)
    with pytest.raises(InvalidAccessToken):
        authenticate_token(token, Channel.API)
    assert Client().post(path[0]).status_code == 404


@pytest.mark.parametrize("token", ["x", "WyJ4Il0:1abcde:forged"])
def test_a_forged_link_restores_nothing(ada: User, token: str) -> None:
    close_account(ada)
    assert Client().post(f"/accounts/restore/{token}/").status_code == 404
    assert not User.objects.get().is_active


def test_logging_in_restores_after_confirmation(ada: User) -> None:
    close_account(ada)
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/restore/"
    assert ada.handle in browser.get("/accounts/restore/").content.decode()
    assert not is_logged_in(browser)
    browser.post("/accounts/restore/")
    assert is_logged_in(browser)


def test_password_without_second_factor_restores_nothing(ada: User) -> None:
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")
    code = RecoveryCodes.activate(ada).get_unused_codes()[0]
    close_account(ada)
    browser = Client()
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    browser.post("/accounts/restore/")
    assert not User.objects.get().is_active
    browser.post("/accounts/2fa/authenticate/", {"code": code})
    browser.post("/accounts/restore/")
    assert is_logged_in(browser)


def test_an_account_closed_by_staff_cannot_be_restored_by_its_user(ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    answer = Client().post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert answer["Location"] == "/accounts/inactive/"


def test_staff_can_restore_an_account(ada: User, carol: User) -> None:
    close_account(ada)
    browser = Client()
    browser.force_login(carol)
    assert browser.post(f"/admin/accounts/user/{ada.pk}/change/", {"is_active": "on"}).status_code == 302
    ada.refresh_from_db()
    assert (ada.is_active, ada.delete_at) == (True, None)


def test_closing_and_restoring_are_audited(ada: User) -> None:
    close_account(ada)
    deletion.restore_account(ada.pk, by=session(ada))
    recorded = list(AuditEvent.objects.order_by("pk").values_list("action", "owner_id"))
    assert recorded == [("account:close", ada.pk), ("account:restore", ada.pk)]


@pytest.mark.plain(reason="searches whole rows as text, which Citus does not take")
def test_expired_account_leaves_no_rows_and_others_keep_theirs(ada: User, bob: User) -> None:
    for person in (ada, bob):
        remember(person, "The attic key hangs in the hall.", tags=["home"])
        access_token(person, make_app())
        TOTP.activate(person, "JBSWY3DPEHPK3PXP")
        log_in(person)
    close_account(ada)
    assert retention.run_steps()["closed accounts"] == 0
    end_grace_period(ada)
    assert retention.run_steps()["closed accounts"] == 1
    assert find_tables_mentioning(ada) == []
    assert PersonKey.objects.get().user == bob
    assert Memory.objects.get().text == "The attic key hangs in the hall."


def find_tables_mentioning(person: User) -> list[str]:
    """Return the tables with the user's id, handle or e-mail address in any column."""
    tables = []
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        with connection.cursor() as cursor:
            patterns = [f"%{word}%" for word in (person.pk, person.handle, person.email)]
            row = f'select from "{table}" as one where one::text ilike any(%s)'
            cursor.execute(f"select exists ({row})", [patterns])
            if cursor.fetchone()[0]:
                tables.append(table)
    return tables


def test_delete_person_command_deletes_by_email_or_id(ada: User, bob: User, monkeypatch: Any) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        call_command("delete_person", ada.email, stdout=StringIO())
    monkeypatch.setattr("builtins.input", lambda _: ada.handle)
    call_command("delete_person", ada.email, stdout=StringIO())
    call_command("delete_person", str(bob.pk), "--yes", stdout=StringIO())
    assert not User.objects.exists()
    with pytest.raises(CommandError, match="No user matches"):
        call_command("delete_person", "@nobody", stdout=StringIO())


def test_all_due_accounts_are_deleted_in_one_run(db: None) -> None:
    people = [make_person(name) for name in ("dan", "eve")]
    for person in people:
        close_account(person)
        end_grace_period(person)
    assert deletion.delete_due_accounts() == 2


@pytest.mark.parametrize(
    "delete", [deletion.delete_account_permanently, User.delete], ids=["service", "model"]
)
@pytest.mark.django_db(transaction=True)
def test_deletion_waits_for_a_worker_that_stores_a_memory(delete: Callable[[User], object]) -> None:
    ada = make_person("ada")
    memory = remember(ada, "The zebra sleeps.")

    def run() -> None:
        delete(User.objects.get(pk=ada.pk))
        connections.close_all()

    with psycopg.connect(**connection.get_connection_params()) as worker, ThreadPoolExecutor(1) as pool:
        worker.execute("select from memories_memory where id = %s for update", [memory.pk])
        deleted = pool.submit(run)
        wait_until(_is_waiting)
        # The deletion holds no row yet that the worker needs.
        worker.execute("set lock_timeout = '2s'")
        worker.execute("delete from memories_memoryvector where memory_id = %s", [memory.pk])
        worker.commit()
        deleted.result()
    assert not User.objects.filter(pk=ada.pk).exists()


def _is_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_locks where not granted")
        return bool(cursor.fetchone()[0])
