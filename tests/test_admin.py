"""The admin site: staff see metadata, never texts, and cannot act as another user."""

import pytest
from django.test import Client

from accounts.models import User
from memories.models import AuditEvent, Memory
from tests.factories import make_person, remember

pytestmark = pytest.mark.django_db
PAGES = ["", "accounts/user/", "accounts/invitation/", "memories/memory/", "memories/auditevent/"]


@pytest.mark.parametrize("page", PAGES)
def test_only_staff_can_open_the_admin(page: str, ada_client: Client, carol_client: Client) -> None:
    assert carol_client.get(f"/admin/{page}").status_code == 200
    assert ada_client.get(f"/admin/{page}").status_code in (302, 403)
    assert Client().get(f"/admin/{page}").status_code == 302


def test_admin_uses_the_product_log_in() -> None:
    answer = Client().get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/")


def test_no_page_shows_texts_or_tags(ada: User, carol_client: Client) -> None:
    memory = remember(ada, "The canary sings.", tags=["canary-tag"])
    event = AuditEvent.objects.get()
    for page in (*PAGES, f"memories/memory/{memory.pk}/change/", f"memories/auditevent/{event.pk}/change/"):
        answer = carol_client.get(f"/admin/{page}")
        assert answer.status_code == 200
        assert b"canary" not in answer.content


def test_memory_list_does_not_query_the_text(ada: User, carol_client: Client) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    remember(ada, "The canary sings.")
    with CaptureQueriesContext(connection) as queries:
        carol_client.get("/admin/memories/memory/")
    assert not [query for query in queries if '"memories_memory"."text"' in query["sql"]]


def test_memories_are_read_only(ada: User, carol_client: Client) -> None:
    memory = remember(ada, "one")
    answer = carol_client.post(f"/admin/memories/memory/{memory.pk}/change/", {"visibility": "public"})
    assert answer.status_code == 403
    assert Memory.objects.get().visibility == "private"
    assert (
        carol_client.post(f"/admin/memories/memory/{memory.pk}/delete/", {"post": "yes"}).status_code == 403
    )


def test_staff_can_retry_indexing(ada: User, carol_client: Client) -> None:
    memory = remember(ada, "one")
    Memory.objects.update(index_state="failed", index_error="unreachable")
    form_data = {"action": "retry_indexing", "_selected_action": [str(memory.pk)]}
    assert carol_client.post("/admin/memories/memory/", form_data).status_code == 302
    assert Memory.objects.values_list("index_state", "index_error").get() == ("pending", "")


def test_staff_can_close_an_account_but_not_change_email_or_role(ada: User, carol_client: Client) -> None:
    form = {"email": "carol-owns@example.org", "is_staff": "on", "is_superuser": "on"}  # is_active left out
    assert carol_client.post(f"/admin/accounts/user/{ada.pk}/change/", form).status_code == 302
    ada.refresh_from_db()
    assert (ada.is_active, ada.email, ada.is_staff, ada.is_superuser) == (
        False,
        "ada@example.org",
        False,
        False,
    )


def test_staff_cannot_change_staff_or_delete_users(ada: User, carol_client: Client) -> None:
    root = make_person("root", is_staff=True, is_superuser=True)
    assert carol_client.post(f"/admin/accounts/user/{root.pk}/change/", {}).status_code == 403
    assert carol_client.post(f"/admin/accounts/user/{ada.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk__in=[root.pk, ada.pk], is_active=True).count() == 2


def test_superuser_can_make_a_user_staff(ada: User) -> None:
    root = Client()
    root.force_login(make_person("root", is_staff=True, is_superuser=True))
    form = {"email": "ada@example.org", "is_active": "on", "is_staff": "on"}
    root.post(f"/admin/accounts/user/{ada.pk}/change/", form)
    ada.refresh_from_db()
    assert ada.is_staff


def test_superuser_can_delete_a_user_and_their_data(ada: User) -> None:
    remember(ada, "one", tags=["a"])
    root = Client()
    root.force_login(make_person("root", is_staff=True, is_superuser=True))
    root.post(f"/admin/accounts/user/{ada.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=ada.pk).exists()
    assert not Memory.objects.exists()


def test_closed_account_is_logged_out_immediately(ada: User, ada_client: Client) -> None:
    assert ada_client.get("/memories/").status_code == 200
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert ada_client.get("/memories/").status_code == 302


@pytest.mark.parametrize("page", ["mfa/authenticator/", "usersessions/usersession/"])
def test_superuser_cannot_see_authenticators_or_sessions(page: str) -> None:
    root = Client()
    root.force_login(make_person("root", is_staff=True, is_superuser=True))
    assert root.get("/admin/").status_code == 200
    assert root.get(f"/admin/{page}").status_code == 404
