"""Demo: sample data for every page, created once, and only in an empty database by default."""

import pytest
from django.test import Client
from django.urls import resolve

from accounts.models import User
from memories.clients import activity as client_activity
from memories.models import Memory, MemoryRevision
from memories.review import decisions as review_decisions
from memories.services import reads
from memories.services.saved_filters import list_saved_filters
from oauth.models import AppGrant, Application
from picard.demo.seed import EMAIL, DatabaseNotEmpty, fill_database
from picard.demo.texts import read_samples
from tests.factories import session
from tests.screenshots.pages import PAGES

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya() -> User:
    return fill_database()[0]


def test_demo_has_data_for_every_page(maya: User) -> None:
    actor = session(maya)
    assert reads.count_memories(actor) > 150
    assert len(reads.list_trash(actor).memories) >= 5
    assert Memory.objects.filter(visibility="public").count() > 8
    assert Memory.objects.filter(expires_at__isnull=False).count() > 4
    assert MemoryRevision.objects.count() > 5
    assert Memory.objects.filter(supersedes__isnull=False).exists()
    assert review_decisions.count_pending_proposals(actor) == 3
    usage_by_app = client_activity.get_usage_by_app(actor)
    assert {grant.application.client_id for grant in AppGrant.objects.all()} == set(usage_by_app)
    assert all(usage.read for usage in usage_by_app.values())
    assert len(list_saved_filters(actor)) == 2
    assert Application.objects.filter(user=maya).count() == 1
    first, *_between, last = Memory.objects.order_by("created_at").values_list("created_at", flat=True)
    assert (last - first).days > 100
    by_id = list(Memory.objects.order_by("pk").values_list("created_at", flat=True))
    assert [each.date() for each in by_id] == sorted(each.date() for each in by_id)


def test_second_run_changes_only_the_password(maya: User) -> None:
    count = Memory.objects.count()
    again, password = fill_database()
    assert (again, Memory.objects.count()) == (maya, count)
    assert Client().login(username=EMAIL, password=password)


def test_database_with_other_users_requires_the_option(ada: User) -> None:
    with pytest.raises(DatabaseNotEmpty):
        fill_database()
    assert not Memory.objects.exists()
    assert fill_database(among_others=True)[0].email == EMAIL


def test_samples_have_themes_texts_and_several_scripts() -> None:
    assert all(sample.theme and all(sample.texts) for sample in read_samples())
    assert any(
        "\u0600" <= character <= "\u06ff" for sample in read_samples() for character in sample.texts[0]
    )


@pytest.mark.parametrize(
    "path", sorted({path.partition("?")[0] for name, path, *_ in PAGES if name != "not-found"})
)
def test_every_screenshot_page_exists(path: str) -> None:
    assert resolve(path).url_name
