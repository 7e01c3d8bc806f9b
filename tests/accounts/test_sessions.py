"""A session's key lies in its person's cookie and nowhere else, and ends when it should."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.sessions import SessionStore
from memories import housekeeping
from tests.factories import PASSWORD

pytestmark = pytest.mark.django_db

OVERVIEW = "/accounts/"


def key_of(browser: Client) -> str:
    return browser.cookies[settings.SESSION_COOKIE_NAME].value


def is_in(browser: Client) -> bool:
    return browser.get(OVERVIEW).status_code == 200


def with_key(key: str) -> Client:
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = key
    return browser


def log_in(user: User) -> Client:
    """By the form."""
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def test_a_stolen_row_opens_no_session(ada: User) -> None:
    browser = log_in(ada)
    [stored] = Session.objects.all()
    assert key_of(browser) not in str(stored.__dict__)
    assert is_in(with_key(key_of(browser)))
    assert not is_in(with_key(stored.session_key))


def test_a_key_that_a_visitor_made_up_is_not_taken_over(ada: User) -> None:
    browser = with_key("k" * 32)
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_in(browser)
    assert key_of(browser) != "k" * 32


def test_a_log_in_changes_the_key(ada: User) -> None:
    visitors = SessionStore()
    visitors.save()
    before = str(visitors.session_key)
    browser = with_key(before)
    browser.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    assert is_in(browser)
    assert key_of(browser) != before
    assert not SessionStore().exists(before)


def test_a_log_out_leaves_no_row(ada: User) -> None:
    browser = log_in(ada)
    before = key_of(browser)
    browser.post("/accounts/logout/")
    assert not Session.objects.exists()
    assert not is_in(with_key(before))


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(ada: User) -> None:
    here, elsewhere = log_in(ada), log_in(ada)
    new = "an owl on the roof"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert here.post("/accounts/password/change/", form).status_code == 302
    assert is_in(here)
    assert not is_in(elsewhere)


@pytest.mark.parametrize("purge", [housekeeping.purge_sessions, lambda: call_command("clearsessions")])
def test_an_ended_session_opens_nothing_and_is_purged(ada: User, purge: object) -> None:
    browser = log_in(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_in(browser)
    assert callable(purge)
    purge()
    assert not Session.objects.exists()


def test_an_ended_row_does_not_come_back(ada: User) -> None:
    session = log_in(ada).session
    session["more"] = 1  # read before it is ended elsewhere
    Session.objects.all().delete()
    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_it_is_so_where_the_server_does_not_wait() -> None:
    store = SessionStore()
    store["seen"] = 1
    async_to_sync(store.asave)()
    key = str(store.session_key)
    assert not Session.objects.filter(session_key=key).exists()
    assert async_to_sync(store.aexists)(key)
    assert async_to_sync(SessionStore(key).aget)("seen") == 1
    async_to_sync(store.adelete)()
    assert not Session.objects.exists()
