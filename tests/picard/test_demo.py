"""The demo: a life for every page, made once, and never among other people unawares."""

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
from tests.screenshots import PAGES

pytestmark = pytest.mark.django_db


@pytest.fixture
def maya() -> User:
    return fill_database()[0]


def test_every_page_shows_the_life_of_months(maya: User) -> None:
    actor = session(maya)
    assert reads.count_memories(actor) > 150
    assert len(reads.list_trash(actor).memories) >= 5
    assert Memory.objects.filter(visibility="public").count() > 8
    assert Memory.objects.filter(expires_at__isnull=False).count() > 4
    assert MemoryRevision.objects.count() > 5
    assert review_decisions.count_pending_proposals(actor) == 3
    use = client_activity.get_usage_by_app(actor)
    assert {grant.application.client_id for grant in AppGrant.objects.all()} == set(use)
    assert all(each.read for each in use.values())
    assert len(list_saved_filters(actor)) == 2
    assert Application.objects.filter(user=maya).count() == 1
    first, *_between, last = Memory.objects.order_by("created_at").values_list("created_at", flat=True)
    assert (last - first).days > 100
    by_id = list(Memory.objects.order_by("pk").values_list("created_at", flat=True))
    assert [each.date() for each in by_id] == sorted(each.date() for each in by_id)


def test_a_second_time_only_the_password_is_new(maya: User) -> None:
    count = Memory.objects.count()
    again, password = fill_database()
    assert (again, Memory.objects.count()) == (maya, count)
    assert Client().login(username=EMAIL, password=password)


def test_it_does_not_move_in_with_other_people_unasked(ada: User) -> None:
    with pytest.raises(DatabaseNotEmpty):
        fill_database()
    assert not Memory.objects.exists()
    assert fill_database(among_others=True)[0].email == EMAIL


def test_the_samples_are_as_a_memory_may_be() -> None:
    assert all(sample.theme and all(sample.texts) for sample in read_samples())
    assert any(
        "\u0600" <= character <= "\u06ff" for sample in read_samples() for character in sample.texts[0]
    )


@pytest.mark.parametrize(
    "address", sorted({path.partition("?")[0] for name, path, *_ in PAGES if name != "not-found"})
)
def test_every_page_of_the_screenshots_is_there(address: str) -> None:
    assert resolve(address).url_name
