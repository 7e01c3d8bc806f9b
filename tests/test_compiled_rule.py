"""The compiled forms of the visibility rule: made from the rule, so that they are what it is."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import User
from memories import scopes
from memories.context.selection import build_context
from memories.errors import MemoryNotFound
from memories.models import Memory
from memories.models.compiled import compile_visible, forget_shapes
from memories.models.visibility import NO_FILTERS, Filters, VisibleQuerySet
from memories.persona.retrieval import ask_persona
from memories.portability.exports.pages import iterate_own_pages
from memories.search.query import search_memories
from memories.search.ranking_query import COLUMNS, VisibleRows, _select_passages
from memories.services import reads
from memories.services.reads import _select_memory, _select_page
from tests.factories import app, remember, session
from tests.test_visibility import EXPECTED

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("make_actor", [row[0] for row in EXPECTED], ids=lambda each: each.__name__)
@pytest.mark.parametrize("filters", [NO_FILTERS, Filters(visibility="public", source="app")])
def test_compiled_statement_is_that_of_the_queryset(
    ada: User, bob: User, make_actor: Callable[[User, User], Actor], filters: Filters
) -> None:
    actor = make_actor(ada, bob)
    memory, other = remember(ada, "The zebra canary."), remember(bob, "Another one.")
    for owner in (ada, bob, ada):  # the second time filled, not compiled
        for before in (None, memory.pk, other.pk):
            page = compile_visible(_select_page, actor, owner, before, filters=filters, limit=5)
            rows = _select_page(actor, owner, before, filters=filters, limit=5)
            assert page is None or (page.sql, page.params) == rows.query.sql_with_params()
            assert page is not None or not rows
        passages = VisibleRows.for_actor(actor, owner, filters)
        selected = _select_passages(actor, owner, filters=filters, columns=COLUMNS)
        assert passages is None or (passages.sql, passages.params) == selected.query.sql_with_params()
        assert passages is not None or not selected


def test_shape_keeps_no_value_of_a_user(ada: User, bob: User) -> None:
    """Whoever comes first compiles; whoever comes next gets their own rows."""
    memories = {user.pk: remember(user, "Oat milk") for user in (ada, bob)}
    for user in (ada, bob, ada):
        statement = compile_visible(
            _select_memory, session(user), user, memories[user.pk].pk, filters=NO_FILTERS
        )
        assert statement is not None
        others = [each for each in (ada, bob) if each != user]
        for other in others:
            assert not {str(other.pk), str(memories[other.pk].pk)} & {str(each) for each in statement.params}
        assert reads.get_memory(session(user), memories[user.pk].pk).owner_id == user.pk


def test_rule_that_would_read_more_of_a_user_fails(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in has only an id, so that nothing else of the first user is compiled in for the next."""
    monkeypatch.setattr(
        VisibleQuerySet,
        "_build_own_q",
        lambda rows, actor: Q(owner_id=actor.user.pk, source=actor.user.email),
    )
    with pytest.raises(AttributeError, match="email"):
        reads.list_memories(session(ada))


def test_rule_that_would_read_the_apps_id_fails(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        VisibleQuerySet,
        "_build_own_q",
        lambda rows, actor: Q(owner_id=actor.user.pk, source=f"api:{actor.client_id}"),
    )
    with pytest.raises(RuntimeError, match="the app's id"):
        reads.list_memories(app(ada))


def test_every_path_follows_a_change_of_the_rule(
    ada: User, bob: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hide what expires within the week. Whoever has an own copy of the rule would go on showing it."""
    soon = timezone.now() + timedelta(days=1)
    ada.persona_enabled = True
    ada.save()
    kept = remember(ada, "The zebra canary sings at the lake.", visibility="public")
    hidden = remember(ada, "The zebra canary sings at the lake today.", visibility="public", expires_at=soon)
    client.force_login(ada)
    paths = _list_paths(ada, bob, hidden, client)
    seen = {name: show() for name, show in paths.items()}
    assert seen == dict.fromkeys(paths, True)

    def build_stricter_q(rows: VisibleQuerySet[Any]) -> Q:
        in_a_week: Any = Now() + timedelta(days=7)
        return ~rows.IS_TRASHED & (Q(expires_at__isnull=True) | Q(expires_at__gt=in_a_week))

    monkeypatch.setattr(VisibleQuerySet, "_build_present_q", build_stricter_q)
    forget_shapes()
    assert {name: show() for name, show in paths.items()} == dict.fromkeys(paths, False)
    assert [row.pk for row in reads.list_memories(session(ada)).memories] == [kept.pk]


def _list_paths(ada: User, bob: User, hidden: Memory, client: Client) -> dict[str, Callable[[], bool]]:
    """Return what may show the memory, as functions that say whether they do."""
    own, reader, other = session(ada), app(ada, scopes.READ), session(bob)
    marker = "lake today"

    def has(memories: Iterable[Memory]) -> bool:
        return hidden.pk in {row.pk for row in memories}

    def can_get(actor: Actor) -> bool:
        try:
            return reads.get_memory(actor, hidden.pk) is not None
        except MemoryNotFound:
            return False

    def search(actor: Actor, filters: Filters = NO_FILTERS) -> bool:
        found = search_memories(actor, "zebra canary", owner=ada, filters=filters)
        return has(hit.memory for hit in found.hits)

    def send(method: str, url: str, body: object = None) -> bool:
        data: Any = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return marker in getattr(client, method)(url, **data).content.decode()

    return {
        "list": lambda: has(reads.list_memories(own).memories),
        "list of an app": lambda: has(reads.list_memories(reader).memories),
        "list, filtered": lambda: has(
            reads.list_memories(own, filters=Filters(visibility="public")).memories
        ),
        "read": lambda: can_get(own),
        "read by an app": lambda: can_get(reader),
        "count": lambda: reads.count_memories(own) == 2,
        "search": lambda: search(own),
        "search of an app": lambda: search(reader),
        "search of another": lambda: search(other),
        "search, filtered": lambda: search(own, filters=Filters(visibility="public")),
        "persona": lambda: marker in ask_persona(other, ada, "Where does the zebra canary sing today?").text,
        "context": lambda: marker in build_context(own).text,
        "export": lambda: has(row for page in iterate_own_pages(own) for row in page),
        "page": lambda: send("get", "/memories/"),
        "page of a search": lambda: send("get", "/memories/?q=canary"),
        "page of a memory": lambda: send("get", f"/memories/{hidden.pk}/"),
        "REST list": lambda: send("get", "/api/v1/memories/"),
        "REST read": lambda: send("get", f"/api/v1/memories/{hidden.pk}/"),
        "REST search": lambda: send("post", "/api/v1/memories/search/", {"query": "canary"}),
    }
