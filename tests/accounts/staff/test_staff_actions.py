"""What staff do in the admin site is recorded, and shown to whom it concerned and to superusers."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import ProgrammingError, transaction
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone
from pytest_django import Settings

from accounts.admin_base import RecordedAdmin
from accounts.deletion import service as deletion
from accounts.models import StaffAction, User
from accounts.staff.actions import purge_staff_actions
from memories.models import AuditAction, AuditEvent, Memory
from tests.factories import make_person, remember, session
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> User:
    return make_person("root", is_staff=True, is_superuser=True)


@pytest.fixture
def root_client(root: User) -> Client:
    client = Client()
    client.force_login(root)
    return client


def entries(person_id: UUID | None) -> list[tuple[str, str, list[str]]]:
    found = StaffAction.objects.filter(person_id=person_id).order_by("pk")
    return [(each.action, each.kind, each.fields) for each in found]


def test_every_page_of_the_admin_site_is_recorded() -> None:
    assert get_resolver().url_patterns  # loading them unregisters some pages
    assert [each for each in admin.site._registry.values() if not isinstance(each, RecordedAdmin)] == []


def test_changes_of_an_account_are_recorded_and_shown(
    ada: User, carol: User, carol_client: Client, ada_client: Client
) -> None:
    remember(ada, "one")
    carol_client.post(f"/admin/accounts/user/{ada.pk}/change/", {"is_active": "on"})
    assert entries(ada.pk) == [("view", "accounts.user", [])]  # nothing was changed
    memory = Memory.objects.get()
    carol_client.get(f"/admin/memories/memory/{memory.pk}/change/")
    carol_client.post(f"/admin/accounts/user/{ada.pk}/change/", {})
    assert entries(ada.pk)[1:] == [
        ("view", "memories.memory", []),
        ("view", "accounts.user", []),
        ("change", "accounts.user", ["Active"]),
    ]
    assert set(StaffAction.objects.values_list("staff_id", flat=True)) == {carol.pk}
    User.objects.filter(pk=ada.pk).update(is_active=True)
    page = ada_client.get("/accounts/administrators/").content.decode()
    assert page.index("Changed: account (Active)") < page.index("Viewed: memory")


def test_actions_on_selected_rows_are_recorded_for_each_user(
    ada: User, bob: User, carol_client: Client
) -> None:
    ids = [remember(user, text).pk for user, text in ((ada, "one"), (ada, "two"), (bob, "three"))]
    form = {"action": "retry_indexing", "_selected_action": list(map(str, ids))}
    carol_client.post("/admin/memories/memory/", form)
    assert entries(ada.pk) == entries(bob.pk) == [("retry_indexing", "memories.memory", [])]
    assert sorted(StaffAction.objects.get(person_id=ada.pk).object_ids) == sorted(map(str, ids[:2]))


def test_revoking_access_is_recorded(ada: User, carol_client: Client) -> None:
    grant = allow(ada, make_app())
    form = {"action": "end", "_selected_action": [str(grant.pk)]}
    carol_client.post("/admin/oauth/appgrant/", form)
    assert entries(ada.pk) == [("end", "oauth.appgrant", [])]


@pytest.mark.parametrize("way", ["page", "selection"])
def test_entry_of_a_deletion_outlives_the_user(ada: User, root_client: Client, way: str) -> None:
    person_id = ada.pk
    if way == "page":
        root_client.post(f"/admin/accounts/user/{ada.pk}/delete/", {"post": "yes"})
    else:
        form = {"action": "delete_selected", "_selected_action": [str(ada.pk)], "post": "yes"}
        root_client.post("/admin/accounts/user/", form)
    assert not User.objects.filter(pk=person_id).exists()
    assert entries(person_id)[-1] == ("delete", "accounts.user", [])


def test_account_restored_by_staff_is_not_restored_by_its_user(
    ada: User, carol: User, carol_client: Client
) -> None:
    deletion.close_account(session(ada))
    carol_client.post(f"/admin/accounts/user/{ada.pk}/change/", {"is_active": "on"})
    restored = AuditEvent.objects.get(action=AuditAction.ACCOUNT_RESTORE)
    assert (restored.owner_id, restored.actor_id) == (ada.pk, carol.pk)
    assert entries(ada.pk)[-1] == ("change", "accounts.user", ["Active"])


def test_only_superusers_see_the_record(
    root_client: Client, carol_client: Client, ada_client: Client
) -> None:
    pages = [client.get("/admin/accounts/staffaction/") for client in (root_client, carol_client, ada_client)]
    assert [page.status_code for page in pages] == [200, 403, 302]


def test_users_see_only_what_was_done_to_them(ada: User, carol_client: Client, bob_client: Client) -> None:
    carol_client.get(f"/admin/accounts/user/{ada.pk}/change/")
    assert b"Viewed" not in bob_client.get("/accounts/administrators/").content


def test_record_cannot_be_changed_and_is_purged_with_the_audit(
    ada: User, carol_client: Client, root_client: Client, settings: Settings
) -> None:
    carol_client.get(f"/admin/accounts/user/{ada.pk}/change/")
    entry = StaffAction.objects.get()
    with pytest.raises(ProgrammingError), transaction.atomic():
        StaffAction.objects.update(staff_id=ada.pk)
    for client, page in ((root_client, "delete"), (root_client, "change"), (carol_client, "delete")):
        client.post(f"/admin/accounts/staffaction/{entry.pk}/{page}/", {"post": "yes"})
    assert StaffAction.objects.filter(pk=entry.pk).exists()
    assert purge_staff_actions() == 0
    settings.AUDIT_DAYS = -1
    assert purge_staff_actions() > 0


def test_failed_record_prevents_the_change(
    ada: User, carol_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("accounts.admin_base.record_staff_action", fail)
    with pytest.raises(RuntimeError):
        carol_client.post(f"/admin/accounts/user/{ada.pk}/change/", {})
    ada.refresh_from_db()
    assert (ada.is_active, ada.date_joined < timezone.now()) == (True, True)
