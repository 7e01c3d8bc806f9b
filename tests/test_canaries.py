"""A stolen disk reveals no word of a memory: plant a thousand canaries wherever texts go, then search for them."""

import base64
import re
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.chaos.people import Person, ServerUnavailable, signed_up
from tests.chaos.product import Product, running_product
from tests.chaos.report import record, say
from tests.chaos.traces import MARKER, Canaries, decode_sessions, dump_database, find_text, read_files
from tests.model_server import ModelServer, Mood
from tests.processes import wait_until

MIN_CANARIES = 1_000
UNENCRYPTED = ("ada@example.org", "ada-of-the-garden", "Ada Lovelace")  # as docs/security.md says
DUMP, SESSIONS = "pg_dump", "sessions"
PROPOSAL = re.compile(r'name="pick"\s+value="([0-9a-f-]{36})"')
CONNECT_APP_WITH_APPROVAL = """
import django; django.setup()
from core.db.roles import act_as_operator; act_as_operator()
from accounts.models import User
from tests.oauth.flows import personal_token
print(personal_token(User.objects.get(), asks_first=True).secret)
"""


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, bytes]]:
    """The dump, the decoded sessions and every file, after canaries took every way that texts can take."""
    with (
        ModelServer() as server,
        running_product(**server.variables, WEB_WORKERS="1", INDEXING_MAX_ATTEMPTS="2") as product,
        signed_up(product.address, "ada") as [ada],
    ):
        set_profile(ada)
        canaries = Canaries()
        write_memories(ada, canaries)
        search_memories(ada, canaries, server)
        submit_invalid_requests(ada, canaries, product)
        fail_to_embed(ada, canaries, server, product)
        import_memories(ada, canaries)
        ask_persona_and_rename_tag(ada, canaries)
        review_proposals(ada, canaries, product)
        assert canaries.planted >= MIN_CANARIES
        readable = {DUMP: dump_database(product), SESSIONS: decode_sessions(product)}
        assert product.stop() == 0  # everything in memory is on the disk now
        yield readable | read_files(product)


@pytest.mark.slow
def test_no_canary_is_found_on_the_disk(places: dict[str, bytes]) -> None:
    say(f"{len(places)} places, {sum(map(len, places.values())):,} bytes searched")
    found = find_text(MARKER, places)
    record("canaries in a stolen disk", tries=MIN_CANARIES, lost=len(found), what="places that hold one")
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("word", UNENCRYPTED)
def test_unencrypted_data_is_found(places: dict[str, bytes], word: str) -> None:
    found = find_text(word, places)
    assert DUMP in found
    assert any(name.startswith("picard/postgres/data/base/") for name in found)


@pytest.mark.parametrize("prefix", ["", "a", "ab"])
@pytest.mark.parametrize("encode", [bytes.hex, base64.b64encode, base64.urlsafe_b64encode, bytes])
def test_search_finds_encoded_canaries(prefix: str, encode: object) -> None:
    assert callable(encode)
    encoded = encode(f"{prefix}{MARKER.lower()} and more".encode())
    content = encoded.encode() if isinstance(encoded, str) else encoded
    assert find_text(MARKER, {"place": b"..." + content}) == ["place"]
    assert find_text(MARKER, {"place": content.replace(content[6:9], b"")}) == []


# --- Ways that texts take -----------------------------------------------------------------------------


def set_profile(ada: Person) -> None:
    profile = {"display_name": "Ada Lovelace", "handle": "ada-of-the-garden", "time_zone": "UTC"}
    assert ada.post("/accounts/profile/", profile).status_code == 302


def write_memories(ada: Person, canaries: Canaries) -> None:
    """Create texts and tags: private and public, with a history, in the trash, deleted permanently and restored."""
    for number in range(30):
        visibility = "public" if number % 3 == 0 else "private"
        tags = f"{canaries.word()}, {canaries.word()}"
        memory_id = ada.create(canaries.words(15), tags=tags, visibility=visibility)
        ada.edit(memory_id, canaries.words(10))
        if number % 5 == 0:
            ada.post(f"/memories/{memory_id}/visibility/", {"visibility": "public"})
            ada.post(f"/memories/{memory_id}/history/1/restore/")
        if number % 7 == 0:
            ada.delete(memory_id)
            ada.post(f"/memories/{memory_id}/{'destroy' if number % 2 else 'restore'}/")


def search_memories(ada: Person, canaries: Canaries, server: ModelServer) -> None:
    """Search with a working provider, a failing one, and one that quotes the query in its error."""
    for mood in (Mood.WELL, Mood.FAILING, Mood.REJECTING):
        server.mood = mood
        for _ in range(10):
            assert MARKER in ada.search(canaries.words(2))
    server.mood = Mood.WELL


def submit_invalid_requests(ada: Person, canaries: Canaries, product: Product) -> None:
    """Submit forms with every kind of error, including an internal server error."""
    too_long = canaries.words(50) + "x" * 8_000
    for form in (
        {"text": too_long},
        {"text": canaries.word(), "tags": canaries.word() + "x" * 50},
        {"text": canaries.word(), "visibility": canaries.word()},
        {"text": canaries.word(), "expires": "custom", "expires_on": canaries.word()},
        {"text": canaries.word() + "\0"},
    ):
        assert ada.post("/memories/new/", form).status_code == 422
    memory_id = ada.create(canaries.word())
    ada.edit(memory_id, canaries.word())
    stale_edit = {"text": canaries.word(), "version": "1", "expires": "never"}
    assert ada.post(f"/memories/{memory_id}/edit/", stale_edit).status_code == 409
    forged = {"text": canaries.word(), "csrfmiddlewaretoken": "forged"}
    assert ada.send_request("POST", "/memories/new/", data=forged).status_code == 403
    assert ada.get("/nowhere/", params={"q": canaries.word()}).status_code == 404
    assert ada.send_request(
        "POST", "/memories/new/", content=canaries.word().encode() * 100_000
    ).status_code in (
        400,
        403,
    )
    ada.post("/accounts/login/", {"login": ada.email, "password": canaries.word()})
    cause_server_error(ada, canaries, product)


def cause_server_error(ada: Person, canaries: Canaries, product: Product) -> None:
    product.query("alter table memories_memoryvector rename to away")
    with suppress(ServerUnavailable):
        ada.create(canaries.words(20))
        pytest.fail("the request succeeded")
    product.query("alter table away rename to memories_memoryvector")


def import_memories(ada: Person, canaries: Canaries) -> None:
    """Run one import and undo it, run another, and leave a third, from a large file, at its preview."""
    for outcome in ("undo", "done", "preview"):
        lines = "".join(
            f"[2025-01-01] - {canaries.words(3)}\n" for _ in range(20 if outcome != "preview" else 400)
        )
        response = ada.post("/memories/import/", {"text": lines, "chats": "mine"})
        assert response.status_code == 302
        url = response.headers["location"]
        if outcome == "preview":
            continue
        ada.post(f"{url}start/")
        ada.post(f"{url}go-on/")
        if outcome == "undo":
            ada.post(f"{url}undo/")


def ask_persona_and_rename_tag(ada: Person, canaries: Canaries) -> None:
    """Ask the persona, save a filter, and rename a tag."""
    for _ in range(5):
        assert ada.post("/memories/ask/", {"question": canaries.words(3)}).status_code == 200
    saved_filter = {"name": canaries.word(), "q": canaries.words(2), "next": "/memories/"}
    assert ada.post("/memories/filters/save/", saved_filter).status_code == 302
    [tag, *_] = re.findall(r"/memories/tags/([0-9a-f-]{36})/", ada.get("/memories/tags/").text)
    assert ada.post(f"/memories/tags/{tag}/rename/", {"name": canaries.word()}).status_code == 302


def review_proposals(ada: Person, canaries: Canaries, product: Product) -> None:
    """Propose new and changed memories by an app; approve some, decline some, leave some pending."""
    token = product.run("-c", CONNECT_APP_WITH_APPROVAL, DJANGO_SETTINGS_MODULE="picard.settings").strip()
    memory_id = ada.create(canaries.word())
    with httpx.Client(base_url=product.address, headers={"Authorization": f"Bearer {token}"}) as app:
        for number in range(9):
            body = {"text": canaries.words(5), "tags": [canaries.word()]}
            key = {"Idempotency-Key": f"key-{number}"}
            assert app.post("/api/v1/memories/", json=body, headers=key).status_code == 202
        current = {"If-Match": app.get(f"/api/v1/memories/{memory_id}/").headers["ETag"]}
        change = app.patch(
            f"/api/v1/memories/{memory_id}/", json={"text": canaries.words(5)}, headers=current
        )
        assert change.status_code == 202
    pending = PROPOSAL.findall(ada.get("/memories/review/").text)
    assert len(pending) == 10
    for outcome, proposal in zip(["accept"] * 3 + ["decline"] * 3, pending, strict=False):
        edited = {f"text-{proposal}": canaries.words(3)} if outcome == "accept" else {}
        assert ada.post("/memories/review/", {"act": f"{outcome}:{proposal}", **edited}).status_code == 302


def fail_to_embed(ada: Person, canaries: Canaries, server: ModelServer, product: Product) -> None:
    """Create texts that the provider rejects, quoting them, and texts at which it fails."""
    for mood in (Mood.REJECTING, Mood.FAILING):
        server.mood = mood
        for _ in range(10):
            ada.create(canaries.words(3), tags=canaries.word())
        pending = "select count(*) from memories_memory where index_state = 'pending'"
        wait_until(lambda: product.query(pending) == [(0,)], seconds=120)  # noqa: B023
