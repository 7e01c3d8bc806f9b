"""Pages and answers decrypt only the tags that they show, however many a user has."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from memories import scopes
from memories.fields import SealedTextField
from memories.models import MemoryTag, Tag
from memories.services import reads, writes
from memories.services.writes import NewMemory
from oauth.consent.memory_choices import MAX_TAG_CHOICES, list_tag_choices
from tests.factories import app, session
from tests.memories.api.callers import app_of
from tests.oauth.flows import allow, make_app

pytestmark = pytest.mark.django_db
TAGS = 2_500


@pytest.fixture
def tags(ada: User) -> list[Tag]:
    """Tags of which each is on one memory, and those with a number below 100 on another one too."""
    first, second = writes.create_memories(session(ada), [NewMemory("One."), NewMemory("Two.")])
    tags = [Tag(owner=ada, name=f"tag {n:04}", name_hash=f"{n}".encode()) for n in range(TAGS)]
    Tag.objects.bulk_create(tags)
    assigned = [(first, tag) for tag in tags] + [(second, tag) for tag in tags[:100]]
    MemoryTag.objects.bulk_create(MemoryTag(owner=ada, memory=memory, tag=tag) for memory, tag in assigned)
    writes.trash_memory(session(ada), writes.create_memory(session(ada), text="No.", tags=["unused"]).pk)
    return tags


@pytest.fixture
def decrypted(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rows of which a text is decrypted from now on."""
    rows: list[Any] = []
    decrypt = SealedTextField.open

    def open_and_count(field: SealedTextField, row: Any, sealed: Any) -> str:
        rows.append(row)
        return decrypt(field, row, sealed)

    monkeypatch.setattr(SealedTextField, "open", open_and_count)
    return rows


def test_list_offers_the_most_used_tags(ada: User, ada_client: Client, decrypted: list[Any]) -> None:
    writes.create_memories(session(ada), [NewMemory("x", tags=["most", f"t{n}"]) for n in range(70)])
    decrypted.clear()
    html = ada_client.get("/memories/").content.decode()
    assert html.count('<option value="t') + html.count('<option value="most"') == 60
    aside = html.split('class="list-aside"')[1].split("</nav>")[0]
    assert aside.count("<li>") == 20
    assert aside.index(">most<") < aside.index(">70<") < aside.index(">t")


def test_pages_decrypt_few_tags(
    ada: User, ada_client: Client, tags: list[Tag], decrypted: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memories.web.views.list._list_memories", lambda *_: {"rows": [], "next": None})
    last = tags[-1].pk
    for path, most in {
        "/memories/": 60,
        f"/memories/?tag={last}": 61,
        "/memories/tags/": reads.MAX_LISTED_TAGS + 100,
        "/memories/tags/?page=25": reads.MAX_LISTED_TAGS + 100,
        f"/memories/tags/{last}/": 101,
    }.items():
        decrypted.clear()
        response = ada_client.get(path)
        assert response.status_code == 200
        assert len(decrypted) <= most, path
    assert "tag 2499" in response.content.decode()


def test_filter_and_bulk_action_decrypt_no_tag(
    ada: User, ada_client: Client, tags: list[Tag], decrypted: list[Any]
) -> None:
    ada_client.post("/memories/filters/save/", {"name": "mine", "tag": str(tags[-1].pk)})
    ada_client.post("/memories/many/", {"act": "trash", "everything": "on", "tag": str(tags[-1].pk)})
    assert [row for row in decrypted if isinstance(row, Tag)] == []


def test_tags_page_shows_every_tag_once(ada: User, ada_client: Client, tags: list[Tag]) -> None:
    pages = [ada_client.get(f"/memories/tags/?page={n}").content.decode() for n in range(1, 26)]
    assert "Most used first." in pages[0]
    assert "tag 0000" in pages[0]
    assert "2 memories" in pages[0]
    shown = [
        name for name in (f"“tag {n:04}”" for n in range(TAGS)) if sum(name in page for page in pages) == 1
    ]
    assert len(shown) == TAGS


def test_rest_pages_through_all_tags(ada: User, tags: list[Tag]) -> None:
    call = app_of(ada, scopes.READ)
    found, address = [], "/tags/"
    while address:
        body = call("GET", address).json
        names = [tag["name"] for tag in body["results"]]
        assert names == sorted(names)
        found += names
        address = body["next"] and "/tags/" + body["next"].split("/tags/")[1]
    assert sorted(found) == [f"tag {n:04}" for n in range(TAGS)]
    assert len(set(found[:1_000]) & {f"tag {n:04}" for n in range(100)}) == 100


def test_names_are_looked_up_by_their_digest(ada: User, decrypted: list[Any]) -> None:
    writes.create_memories(session(ada), [NewMemory("x", tags=[f"T{n}", "All"]) for n in range(50)])
    decrypted.clear()
    found, missing = reads.resolve_tag_names(session(ada), [" t7 ", "ALL", "none", ""])
    assert ([tag.name for tag in found], missing) == (["T7", "All"], ["none"])
    assert len(decrypted) == 2
    limited = app(ada, only_tags=frozenset({found[0].pk}))
    assert [tag.name for tag in reads.resolve_tag_names(limited, ["all", "t7"])[0]] == ["T7"]


def test_consent_offers_the_most_used_tags_and_the_chosen_one(ada: User, tags: list[Tag]) -> None:
    notes = make_app()
    grant = allow(ada, notes, scopes.READ, only_tags=frozenset({tags[-1].pk}))
    labels = [label for _, label in list_tag_choices(session(ada), grant)]
    assert len(labels) == MAX_TAG_CHOICES + 1
    assert (labels[0], labels[-1]) == ("tag 0000 (2)", "tag 2499 (1)")
