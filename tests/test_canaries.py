"""A stolen disk gives away no word of a memory: a thousand canaries are planted wherever words go, and looked for."""

import base64
import re
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.chaos.people import NoAnswer, Person, signed_up
from tests.chaos.product import Product, running_product
from tests.chaos.report import record, say
from tests.chaos.traces import MARKER, Canaries, dump, files, find, sessions
from tests.model_server import ModelServer, Mood
from tests.processes import wait_until

WANTED = 1_000
CLEAR = ("ada@example.org", "ada-of-the-garden", "Ada Lovelace")  # as docs/security.md says
DUMP, SESSIONS = "pg_dump", "sessions"
PROPOSAL = re.compile(r'name="pick" value="([0-9a-f-]{36})"')
CONNECT_AN_APP_THAT_ASKS = """
import django; django.setup()
from accounts.models import User
from tests.oauth.flows import access_token, allow, make_app
ada, app = User.objects.get(), make_app()
allow(ada, app, asks_first=True)
print(access_token(ada, app))
"""


@pytest.fixture(scope="module")
def places() -> Iterator[dict[str, bytes]]:
    """The dump, the opened sessions, and every file, after canaries went every way that words can go."""
    with (
        ModelServer() as server,
        running_product(**server.variables, WEB_WORKERS="1", INDEXING_MAX_ATTEMPTS="2") as product,
        signed_up(product.address, "ada") as [ada],
    ):
        name_oneself(ada)
        canaries = Canaries()
        keep(ada, canaries)
        search(ada, canaries, server)
        fail(ada, canaries, product)
        be_rejected(ada, canaries, server, product)
        bring(ada, canaries)
        ask(ada, canaries)
        wait_for_a_yes(ada, canaries, product)
        assert canaries.planted >= WANTED
        readable = {DUMP: dump(product), SESSIONS: sessions(product)}
        assert product.stop() == 0  # all that was only in memory is on the disk now
        yield readable | files(product)


@pytest.mark.slow
def test_no_canary_is_found(places: dict[str, bytes]) -> None:
    say(f"{len(places)} places, {sum(map(len, places.values())):,} bytes searched")
    found = find(MARKER, places)
    record("canaries in a stolen disk", tries=WANTED, lost=len(found), what="places that hold one")
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("word", CLEAR)
def test_what_lies_in_the_clear_is_found(places: dict[str, bytes], word: str) -> None:
    found = find(word, places)
    assert DUMP in found
    assert any(name.startswith("picard/postgres/data/base/") for name in found)


@pytest.mark.parametrize("before", ["", "a", "ab"])
@pytest.mark.parametrize("encode", [bytes.hex, base64.b64encode, base64.urlsafe_b64encode, bytes])
def test_the_search_knows_the_encodings(before: str, encode: object) -> None:
    assert callable(encode)
    encoded = encode(f"{before}{MARKER.lower()} and more".encode())
    content = encoded.encode() if isinstance(encoded, str) else encoded
    assert find(MARKER, {"place": b"..." + content}) == ["place"]
    assert find(MARKER, {"place": content.replace(content[6:9], b"")}) == []


# --- Ways that words go -------------------------------------------------------------------------------


def name_oneself(ada: Person) -> None:
    profile = {"display_name": "Ada Lovelace", "handle": "ada-of-the-garden", "time_zone": "UTC"}
    assert ada.post("/accounts/profile/", profile).status_code == 302


def keep(ada: Person, canaries: Canaries) -> None:
    """Texts and tags, private and public, with a history, in the trash, deleted for ever and restored."""
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


def search(ada: Person, canaries: Canaries, server: ModelServer) -> None:
    """With the provider well, and with one that quotes the query in its error."""
    for mood in (Mood.WELL, Mood.FAILING, Mood.REJECTING):
        server.mood = mood
        for _ in range(10):
            assert MARKER in ada.search(canaries.words(2))
    server.mood = Mood.WELL


def fail(ada: Person, canaries: Canaries, product: Product) -> None:
    """Forms that are refused, each in another way, down to an error of the server's own."""
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
    seen_before = {"text": canaries.word(), "version": "1", "expires": "never"}
    assert ada.post(f"/memories/{memory_id}/edit/", seen_before).status_code == 409
    forged = {"text": canaries.word(), "csrfmiddlewaretoken": "forged"}
    assert ada.ask("POST", "/memories/new/", data=forged).status_code == 403
    assert ada.get("/nowhere/", params={"q": canaries.word()}).status_code == 404
    assert ada.ask("POST", "/memories/new/", content=canaries.word().encode() * 100_000).status_code in (
        400,
        403,
    )
    ada.post("/accounts/login/", {"login": ada.email, "password": canaries.word()})
    fall_over(ada, canaries, product)


def fall_over(ada: Person, canaries: Canaries, product: Product) -> None:
    product.query("alter table memories_memoryvector rename to away")
    with suppress(NoAnswer):
        ada.create(canaries.words(20))
        pytest.fail("it did not fall over")
    product.query("alter table away rename to memories_memoryvector")


def bring(ada: Person, canaries: Canaries) -> None:
    """An import that is undone, one that is done, and one that waits for its yes; the last in a large file."""
    for act in ("undo", "done", "wait"):
        lines = "".join(f"[2025-01-01] - {canaries.words(3)}\n" for _ in range(20 if act != "wait" else 400))
        brought = ada.post("/memories/import/", {"text": lines, "chats": "mine"})
        assert brought.status_code == 302
        address = brought.headers["location"]
        if act == "wait":
            continue
        ada.post(f"{address}start/")
        ada.post(f"{address}go-on/")
        if act == "undo":
            ada.post(f"{address}undo/")


def ask(ada: Person, canaries: Canaries) -> None:
    """Questions to the persona, a filter kept under a name, a tag under another."""
    for _ in range(5):
        assert ada.post("/memories/ask/", {"question": canaries.words(3)}).status_code == 200
    named = {"name": canaries.word(), "q": canaries.words(2), "next": "/memories/"}
    assert ada.post("/memories/filters/save/", named).status_code == 302
    [tag, *_] = re.findall(r"/memories/tags/([0-9a-f-]{36})/", ada.get("/memories/tags/").text)
    assert ada.post(f"/memories/tags/{tag}/rename/", {"name": canaries.word()}).status_code == 302


def wait_for_a_yes(ada: Person, canaries: Canaries, product: Product) -> None:
    """What an app proposes, new and changed: some accepted, some declined, some that wait on."""
    token = product.run("-c", CONNECT_AN_APP_THAT_ASKS, DJANGO_SETTINGS_MODULE="picard.settings").strip()
    memory_id = ada.create(canaries.word())
    with httpx.Client(base_url=product.address, headers={"Authorization": f"Bearer {token}"}) as app:
        for number in range(9):
            proposed = {"text": canaries.words(5), "tags": [canaries.word()]}
            key = {"Idempotency-Key": f"key-{number}"}
            assert app.post("/api/v1/memories/", json=proposed, headers=key).status_code == 202
        current = {"If-Match": app.get(f"/api/v1/memories/{memory_id}/").headers["ETag"]}
        change = app.patch(
            f"/api/v1/memories/{memory_id}/", json={"text": canaries.words(5)}, headers=current
        )
        assert change.status_code == 202
    waiting = PROPOSAL.findall(ada.get("/memories/review/").text)
    assert len(waiting) == 10
    for act, proposal in zip(["accept"] * 3 + ["decline"] * 3, waiting, strict=False):
        edited = {f"text-{proposal}": canaries.words(3)} if act == "accept" else {}
        assert ada.post("/memories/review/", {"act": f"{act}:{proposal}", **edited}).status_code == 302


def be_rejected(ada: Person, canaries: Canaries, server: ModelServer, product: Product) -> None:
    """Texts of which the provider says, quoting them, that it cannot embed them; and texts that it fails at."""
    for mood in (Mood.REJECTING, Mood.FAILING):
        server.mood = mood
        for _ in range(10):
            ada.create(canaries.words(3), tags=canaries.word())
        pending = "select count(*) from memories_memory where index_state = 'pending'"
        wait_until(lambda: product.query(pending) == [(0,)], seconds=120)  # noqa: B023
