"""A session and its user are read in one statement, and only the content of the session decides whose it is."""

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.accounts.sessions.test_sessions import OVERVIEW, is_logged_in, log_in

pytestmark = pytest.mark.django_db


def list_tables(browser: Client) -> list[str]:
    """Return which of both tables the statements of a page read, in order."""
    with CaptureQueriesContext(connection) as queries:
        assert browser.get(OVERVIEW).status_code == 200
    tables = ("django_session", "accounts_user ")
    return [
        table for query in queries for table in tables if f"{table}" in query["sql"].replace('"', "") + " "
    ]


def test_page_reads_session_and_user_together(ada: User) -> None:
    assert list_tables(log_in(ada)) == ["django_session", "accounts_user "]


def test_unlisted_session_is_logged_in(ada: User) -> None:
    browser = log_in(ada)
    UserSession.objects.all().delete()
    assert ada.email in browser.get(OVERVIEW).content.decode()


def test_session_in_the_list_of_another_user_stays_that_of_its_own(ada: User, bob: User) -> None:
    browser = log_in(ada)
    UserSession.objects.update(user=bob)
    html = browser.get(OVERVIEW).content.decode()
    assert ada.email in html
    assert bob.email not in html


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"password": "changed"}, {"sessions_era": 1}], ids=str
)
def test_change_of_the_user_ends_a_listed_session_at_once(ada: User, change: dict[str, object]) -> None:
    browser = log_in(ada)
    assert is_logged_in(browser)
    User.objects.filter(pk=ada.pk).update(**change)
    assert not is_logged_in(browser)


def test_user_who_was_read_with_a_session_is_not_kept_after_the_request(ada: User) -> None:
    browser = log_in(ada)
    assert is_logged_in(browser)
    other = Client()
    other.cookies[settings.SESSION_COOKIE_NAME] = "unknown"
    assert not is_logged_in(other)
    User.objects.filter(pk=ada.pk).update(display_name="Augusta")
    assert "Augusta" in browser.get(OVERVIEW).content.decode()
