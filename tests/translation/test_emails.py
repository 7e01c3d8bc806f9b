"""An e-mail is in the language of its reader, whoever caused it."""

import pytest
from django.core import mail
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext
from pytest_django import Settings

from accounts.login import security_notices
from accounts.mail import emails, outbox
from accounts.mail.delivery import deliver_due_emails
from accounts.models import User
from oauth.consent.notifications import send_app_connected_email
from oauth.models import AppGrant
from tests.factories import PASSWORD, confirm_address
from tests.oauth.flows import make_app

pytestmark = pytest.mark.django_db
FRENCH = {"accept-language": "fr"}


@pytest.fixture(autouse=True)
def _mail_is_set_up(sends_mail: None) -> None:
    pass


@pytest.fixture
def ada(ada: User) -> User:
    """Reads Russian."""
    confirm_address(ada)
    ada.page_language = "ru"
    ada.save(update_fields=["page_language"])
    return ada


def say(text: str, language: str) -> str:
    with translation.override(language):
        return gettext(text)


def read_only_email() -> tuple[str, str]:
    [sent] = mail.outbox
    return str(sent.subject), str(sent.body)


def test_owner_of_an_address_reads_their_own_language(ada: User) -> None:
    Client().post("/accounts/signup/", {"email": ada.email, "password1": PASSWORD}, headers=FRENCH)
    subject, text = read_only_email()
    assert subject == say("You already have an account", "ru")
    assert text.startswith(say("Hello,", "ru"))


def test_somebody_without_an_account_reads_the_language_of_the_page() -> None:
    Client().post("/accounts/signup/", {"email": "new@example.org", "password1": PASSWORD}, headers=FRENCH)
    assert read_only_email()[0] == say("Confirm your e-mail address", "fr")


def test_queued_email_is_written_by_the_worker_in_its_readers_language(ada: User, settings: Settings) -> None:
    settings.EMAIL_BACKEND, settings.MAIL_TRANSPORT = (
        outbox.BACKEND,
        "django.core.mail.backends.locmem.EmailBackend",
    )
    with translation.override("fr"):
        emails.send_password_reset(ada.email)
        emails.send_password_reset("nobody@example.org")
    assert deliver_due_emails() == 2
    subjects = {str(sent.subject) for sent in mail.outbox}
    assert subjects == {say("Reset your password", "ru"), say("No account found", "fr")}


def test_notice_that_an_administrator_causes_is_in_the_users_language(ada: User, carol: User) -> None:
    client = Client(headers=FRENCH)
    client.force_login(carol)
    request = client.get("/help/").wsgi_request
    security_notices.notify_address_replaced(request, ada, [])
    subject, text = read_only_email()
    assert subject == say("An administrator changed your e-mail address", "ru")
    assert " г. " in text  # the date, as Russian writes it


def test_scopes_of_a_connected_app_are_in_the_users_language(ada: User) -> None:
    make_app(name="Notes").connect(ada)
    mail.outbox.clear()
    with translation.override("fr"):
        send_app_connected_email(AppGrant.objects.get())
    subject, text = read_only_email()
    assert subject == say("%(app)s was connected to your account", "ru") % {"app": "Notes"}
    assert say("Hello,", "ru") in text
    assert say("Read and search your memories, including private ones.", "ru") in text


def test_account_without_a_chosen_language_reads_that_of_its_memories(ada: User) -> None:
    ada.page_language, ada.language = "", "zh"
    assert ada.mail_language == "zh-hans"
    ada.language = "nl"
    assert ada.mail_language == ""
