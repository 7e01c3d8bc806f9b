"""The SDK against the running product: both clients, and personal access tokens through every way in."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone
from picard_memory import AsyncPicard, ConflictError, InvalidRequestError, Memory, NoAccessError, Picard

from accounts.models import User
from memories import scopes
from memories.models import Tag
from oauth.access import grants
from oauth.models import AppGrant
from oauth.personal.service import create_token
from tests.cli.conftest import RunCommand


@pytest.fixture
def picard(site: str, token: str) -> Iterator[Picard]:
    with Picard(site, token) as picard:
        yield picard


def save(picard: Picard, text: str, *tags: str) -> Memory:
    saved = picard.add(text, tags=tags)
    assert isinstance(saved, Memory)
    return saved


def create_personal_token(user: User, *, tags: list[str] | None = None) -> tuple[str, AppGrant]:
    """Create a token that may read and write, by default all memories."""
    ids = (
        None
        if tags is None
        else frozenset(tag.pk for tag in Tag.objects.filter(owner=user) if tag.name in tags)
    )
    ends_at = timezone.now() + timedelta(days=1)
    options = grants.GrantOptions(frozenset([scopes.READ, scopes.WRITE]), ids, ends_at)
    issued = create_token(user, "cron", options, form_id=uuid4())
    return issued.secret, issued.grant


def call_tool(site: str, token: str, name: str, **arguments: Any) -> str:
    """Call a tool of MCP, and return its text."""
    response = httpx.post(
        f"{site}/mcp",
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": name, "arguments": arguments},
        },
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"},
        timeout=30,
    )
    assert response.status_code == 200, response.text
    return response.text


def test_every_page_is_iterated(picard: Picard) -> None:
    outcomes = picard.change_many({"op": "create", "text": f"Fact {number}"} for number in range(205))
    assert [outcome.status for outcome in outcomes] == [201] * 205
    texts = [memory.text for memory in picard.iter_memories()]
    assert sorted(filter(None, texts)) == sorted(f"Fact {number}" for number in range(205))


def test_a_change_of_others_is_not_overwritten(picard: Picard) -> None:
    memory = save(picard, "I run.")
    picard.edit(memory.id, text="I walk.", if_version=memory.version)
    with pytest.raises(ConflictError) as caught:
        picard.edit(memory.id, text="I swim.", if_version=memory.version)
    assert caught.value.code == "version_conflict"
    assert caught.value.request_id
    assert [revision.text for revision in picard.iter_history(memory.id)] == ["I run."]
    assert picard.restore_version(memory.id, 1)
    assert picard.get(memory.id).text == "I run."


def test_a_repeated_write_with_the_same_key_acts_once(picard: Picard) -> None:
    first = picard.add("I run.", idempotency_key="key-1")
    assert picard.add("I run.", idempotency_key="key-1") == first
    assert len(list(picard.iter_memories())) == 1


def test_errors_name_the_fields(picard: Picard) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        picard.add("I run.", tags=["a,b"], supersedes="nothing")
    assert "#/supersedes" in [error.pointer for error in caught.value.errors]


def test_similar_memories_are_united(picard: Picard) -> None:
    first, second = save(picard, "I am allergic to peanuts."), save(picard, "I am allergic to peanuts!")
    assert picard.unite(first.id, second.id).text
    assert len(list(picard.iter_memories())) == 1


def test_the_asynchronous_client_writes_and_reads_at_once(site: str, token: str, eve: User) -> None:
    async def use() -> tuple[set[str | None], list[str], str]:
        async with AsyncPicard(site, token) as picard:
            await asyncio.gather(*(picard.add(f"Fact {number}", tags=["list"]) for number in range(5)))
            texts = {memory.text async for memory in picard.iter_memories(tags_any=["List"])}
            tags = [tag.name async for tag in picard.iter_tags()]
            return texts, tags, (await picard.whoami()).person.handle

    texts, tags, handle = asyncio.run(use())
    assert texts == {f"Fact {number}" for number in range(5)}
    assert (tags, handle) == (["list"], eve.handle)


def test_a_token_of_one_tag_sees_only_it_through_every_way_in(
    run: RunCommand, picard: Picard, site: str, eve: User
) -> None:
    save(picard, "I play the cello.", "music")
    save(picard, "I earn a fortune.", "work")
    token, _grant = create_personal_token(eve, tags=["music"])
    assert run("login", site, "--token", stdin=token).code == 0
    shown = {
        "list": run("list").output,
        "search": run("search", "cello fortune").output,
        "export": run("export").output,
        "REST": httpx.get(f"{site}/api/v1/memories/", headers={"Authorization": f"Bearer {token}"}).text,
        "MCP": call_tool(site, token, "search", query="cello fortune"),
        "MCP list": call_tool(site, token, "list_recent"),
    }
    for way, text in shown.items():
        assert "cello" in text, way
        assert "fortune" not in text, way
    assert run("add", "I sing.").code == 0
    assert "music" in run("list", "-n", "1").output


@pytest.mark.parametrize("end", ["revoked", "expired", "paused"])
def test_the_next_call_after_a_token_ended_exits_with_4(
    run: RunCommand, site: str, eve: User, end: str
) -> None:
    token, grant = create_personal_token(eve)
    assert run("login", site, "--token", stdin=token).code == 0
    assert run("add", "I run.").code == 0
    if end == "revoked":
        grants.revoke_grant(grant)
    elif end == "paused":
        grants.pause_grant(grant)
    else:
        AppGrant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
    result = run("list")
    assert (result.code, result.output) == (4, "")
    assert end in result.errors
    with Picard(site, token) as picard, pytest.raises(NoAccessError):
        picard.add("I run.")
