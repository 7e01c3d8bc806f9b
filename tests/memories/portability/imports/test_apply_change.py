"""What an import changes of what is there it changes by the later text alone, and undoing gives all of it back."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import orjson
import pytest
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from memories.models import ImportBatch, Memory, StagedMemories, Tag
from memories.portability.imports import apply_change
from memories.portability.imports import run as import_run
from memories.portability.imports.stage import stage_import
from memories.services import tag_admin, writes
from tests.factories import app, remember, session
from tests.memories.portability.imports.test_run import bring, lines

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=1)


@pytest.fixture
def memory(ada: User) -> Memory:
    """Of yesterday, with tags and no expiry."""
    made = remember(ada, "before", tags=["food", "home"])
    Memory.objects.filter(pk=made.pk).update(written_at=Now() - timedelta(days=1))
    return made


def line(memory: Memory, **said: Any) -> dict[str, Any]:
    return {"id": str(memory.pk), "text": "after", "updated_at": _iso(timezone.now()), **said}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def staged(user: User, *given: dict[str, Any]) -> ImportBatch:
    batch = stage_import(session(user), lines(*given))
    import_run.start_import(session(user), batch.pk)
    return batch


def as_it_is(memory: Memory) -> tuple[str, list[str], datetime | None]:
    memory = Memory.objects.get(pk=memory.pk, deleted_at=None)
    return memory.text, sorted(tag.name for tag in memory.tags.all()), memory.expires_at


BEFORE = ("before", ["food", "home"], None)


def test_undoing_gives_text_tags_and_expiry_back_by_one_change(ada: User, memory: Memory) -> None:
    until = timezone.now() + SOON
    batch = bring(session(ada), lines(line(memory, tags=["new"], expires_at=_iso(until))))
    assert as_it_is(memory) == ("after", ["new"], until)
    import_run.undo_import(session(ada), batch.pk)
    assert (as_it_is(memory), Memory.objects.get().version) == (BEFORE, 3)


def test_undoing_gives_back_an_expiry_that_the_import_took_off(ada: User) -> None:
    until = timezone.now() + SOON
    memory = remember(ada, "before", expires_at=until)
    Memory.objects.update(written_at=Now() - timedelta(days=1))
    batch = bring(session(ada), lines(line(memory, expires_at=None)))
    assert as_it_is(memory) == ("after", [], None)
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory) == ("before", [], until)


def test_undoing_brings_back_what_expired_by_the_import(ada: User, memory: Memory) -> None:
    batch = bring(session(ada), lines(line(memory, expires_at=_iso(timezone.now() + SOON))))
    Memory.objects.update(expires_at=Now() - timedelta(seconds=1))
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory) == BEFORE


def test_undoing_sets_no_expiry_that_has_passed_since(
    ada: User, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory.objects.update(expires_at=timezone.now() + SOON)
    batch = bring(session(ada), lines(line(memory, expires_at=None)))
    monkeypatch.setattr(apply_change, "is_expiring_soon", bool)
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory) == BEFORE


def test_undoing_knows_tags_by_their_present_names_and_makes_those_that_are_gone(
    ada: User, memory: Memory
) -> None:
    remember(ada, "other", tags=["food"])
    batch = bring(session(ada), lines(line(memory, tags=[])))
    tag_admin.rename_tag(session(ada), _tag("food").pk, "meals")
    _tag("home").delete()
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory) == ("before", ["home", "meals"], None)


def _tag(name: str) -> Tag:
    [tag] = [tag for tag in Tag.objects.all() if tag.name == name]
    return tag


def test_what_was_before_lies_sealed(ada: User, memory: Memory) -> None:
    bring(session(ada), lines(line(memory)))
    row = StagedMemories.objects.get()
    assert orjson.loads(row.content)[0]["tags"] == [[str(_tag(name).pk), name] for name in ("food", "home")]
    assert b"food" not in bytes(cast(bytes, StagedMemories.objects.values_list("content", flat=True).get()))


def test_an_import_of_before_tags_were_noted_is_undone_by_its_text(ada: User, memory: Memory) -> None:
    batch = bring(session(ada), lines(line(memory, tags=["new"])))
    row = StagedMemories.objects.get()
    row.content = orjson.dumps([[str(memory.pk), 1]]).decode()
    row.save(update_fields=["content"])
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory) == ("before", ["new"], None)


def test_a_line_that_says_nothing_of_tags_and_expiry_leaves_them(ada: User, memory: Memory) -> None:
    until = timezone.now() + SOON
    Memory.objects.update(expires_at=until)
    bring(session(ada), lines(line(memory)))
    assert as_it_is(memory) == ("after", ["food", "home"], until)


def test_another_name_of_a_tag_makes_no_text_later(ada: User, memory: Memory) -> None:
    an_hour_ago = _iso(timezone.now() - SOON)
    tag_admin.rename_tag(session(ada), _tag("food").pk, "meals")
    bring(session(ada), lines(line(memory, written_at=an_hour_ago, updated_at=an_hour_ago)))
    assert as_it_is(memory) == ("after", ["home", "meals"], None)


def test_a_text_that_was_written_earlier_is_no_later_for_another_name_of_a_tag(
    ada: User, memory: Memory
) -> None:
    batch = bring(session(ada), lines(line(memory, written_at="2025-01-01T00:00:00Z")))
    assert (as_it_is(memory), batch.counts["skipped"]) == (BEFORE, {"older": 1})


def test_what_the_person_wrote_after_the_look_stays(ada: User, memory: Memory) -> None:
    batch = staged(ada, line(memory))
    writes.update_memory(session(ada), memory.pk, text="by hand")
    assert import_run.advance_import(session(ada), batch.pk).state == "done"
    assert as_it_is(memory)[0] == "by hand"
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory)[0] == "by hand"


def test_what_the_person_wrote_after_the_import_stays_when_it_is_undone(ada: User, memory: Memory) -> None:
    batch = bring(session(ada), lines(line(memory)))
    writes.update_memory(session(ada), memory.pk, text="by hand")
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory)[0] == "by hand"


def test_what_came_to_the_same_since_the_look_is_not_undone(ada: User, memory: Memory) -> None:
    batch = staged(ada, line(memory, tags=["food", "home"]))
    writes.update_memory(session(ada), memory.pk, text="after")
    Memory.objects.update(written_at=Now() - timedelta(days=1))
    import_run.advance_import(session(ada), batch.pk)
    import_run.undo_import(session(ada), batch.pk)
    assert as_it_is(memory)[0] == "after"


def test_a_change_whose_expiry_passes_before_it_comes_is_left_out(
    ada: User, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = timezone.now() + SOON
    batch = staged(ada, line(memory, expires_at=_iso(until)), {"text": "another"})
    monkeypatch.setattr(timezone, "now", lambda: until + timedelta(seconds=1))
    assert import_run.advance_import(session(ada), batch.pk).state == "done"
    assert sorted(each.text for each in Memory.objects.all()) == ["another", "before"]


@pytest.mark.parametrize("tags", [None, ["new"]], ids=["that stayed", "that changed"])
def test_undoing_stumbles_over_no_tags(tags: list[str] | None, ada: User, memory: Memory) -> None:
    """One more than may be given, as what a narrowed app writes may have."""
    [narrowed_to] = remember(ada, "other", tags=["work"]).tags.all()
    full = app(ada, only_tags=frozenset({narrowed_to.pk}))
    made = writes.create_memory(full, text="full", tags=[f"tag {number}" for number in range(20)])
    Memory.objects.filter(pk=made.pk).update(written_at=Now() - timedelta(days=1))
    batch = bring(session(ada), lines(line(made, **({} if tags is None else {"tags": tags}))))
    assert import_run.undo_import(session(ada), batch.pk).state == "undone"
    text, names, _expiry = as_it_is(made)
    assert (text, len(names)) == ("full", 21 if tags is None else 20)
