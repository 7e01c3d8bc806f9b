"""JSON of all forms: what is refused, and what is counted, whatever the file tries."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from memories.portability.files import json_stream
from memories.portability.files.json_escapes import SurrogateMarker
from memories.portability.files.json_stream import JsonShape
from memories.portability.files.parts import Part
from memories.portability.imports.clean import clean_item, get_skip_reason
from memories.portability.readers.formats import PartStart
from tests.factories import make_person, session
from tests.memories.portability.reading import read_file, read_zip, to_bytes, to_lines
from tests.memories.portability.staging import stage

REFUSED = {
    "number": ("[1, 2]", "unknown_json"),
    "object without texts": ({"a": 1}, "unknown_json"),
    "words of a program": ({"theme": "dark mode on", "save": "Save your changes"}, "unknown_json"),
    "code names": (["node_modules/", "src/main.py", "https://example.org/a"], "unknown_json"),
    "truncated": (b'[{"memory": "a"}, {"memory": "b', "broken_json"),
    "truncated object": (b'{"memories": [{"text": "a"}, {"text": "b', "broken_json"),
    "deeply nested": (b'[{"memory": "a", "b": ' + b"[" * 50_000, "too_deep"),
    "only brackets": (b"[" * 50_000, "unknown_json"),
    "empty objects": (b"[" + b"{}," * 20_000 + b"{}]", "unknown_json"),
    "number of many digits": (b'[{"text": "a", "n": ' + b"1" * 100_000 + b"}]", "broken_json"),
    "objects in objects": ({"data": {"data": {"data": {"data": [1] * 10_000}}}}, "unknown_json"),
}


def get_code(read: Callable[[], object]) -> str:
    with pytest.raises(ValidationError) as refusal:
        read()
    [error] = refusal.value.error_dict["file"]
    return error.code or ""


@pytest.mark.parametrize(("content", "code"), REFUSED.values(), ids=REFUSED)
def test_json_without_memories_is_refused_by_name(content: Any, code: str) -> None:
    assert get_code(lambda: read_file(content)) == code


@pytest.mark.parametrize("text", ["[2025-01-01] - one", "[link](x) to a page", "{{name}} likes tea"])
def test_text_that_begins_with_a_bracket_is_not_json(text: str) -> None:
    assert read_file(text).kind == "text"


def test_conversations_with_summaries_are_no_graph() -> None:
    conversation = {
        "uuid": "1",
        "name": "Bees",
        "summary": "About bees",
        "created_at": "2025-01-01T00:00:00Z",
    }
    message = {"uuid": "2", "sender": "human", "text": "I keep bees.", "created_at": "2025-01-01T00:00:00Z"}
    assert read_file([{**conversation, "chat_messages": [message]}]).kind == "claude"


def test_words_alone_are_memories_only_where_they_are_all_that_was_given() -> None:
    assert read_file(["Vegan", "Left-handed"]).texts == ["Vegan", "Left-handed"]
    outcome = read_zip({"a.json": ["dark", "light"], "b.json": ["I keep bees"]})
    assert (outcome.texts, outcome.skipped) == (["I keep bees"], {"unknown_json": 1})


def test_first_items_do_not_decide() -> None:
    items = [{"id": number} for number in range(3_000)]
    outcome = read_file([*items, {"text": "x"}])
    assert (outcome.texts, outcome.skipped) == (["x"], {"not_a_memory": 3_000})


def test_what_precedes_damage_is_read_from_one_file_among_others() -> None:
    outcome = read_zip({"a.json": b'[{"text": "I run"}, {"text": "I pa', "b.json": [{"text": "I bake"}]})
    assert (outcome.texts, outcome.skipped) == (["I run", "I bake"], {"broken": 1})


@pytest.mark.parametrize("entry", ["x" * 200_000, [{}] * 70_000], ids=["long", "many empty values"])
def test_entry_size_is_limited(entry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "PARSED_BYTES", 10_000)
    monkeypatch.setattr(json_stream, "MAX_VALUE_BYTES", 180_000)
    monkeypatch.setattr(json_stream, "MAX_VALUE_EVENTS", 10_000)
    assert get_code(lambda: read_file([{"text": "a", "b": entry}])) == "entry_too_large"


def test_large_object_is_read_by_its_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "PARSED_BYTES", 10_000)
    monkeypatch.setattr(json_stream, "MAX_VALUE_BYTES", 60_000)
    memories = [{"text": f"I keep bee number {number}."} for number in range(3_000)]
    document = {"version": 1, "other": [["x"] * 10] * 4_000, "memories": memories, "facts": ["I run"]}
    assert len(read_file(document).texts) == 3_001


def test_shape_of_many_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_SHAPES", 500)
    keys = {f"k{number}": {f"m{each}": 1 for each in range(50)} for number in range(50)}
    assert count_places(PartStart(make_part(keys)).json) <= 501


def count_places(shape: JsonShape) -> int:
    return 1 + sum(map(count_places, shape.keys.values()))


def make_part(content: Any) -> Part:
    data = to_bytes(content)
    return Part("a.json", len(data), lambda: io.BytesIO(data))


# --- Lone surrogates ----------------------------------------------------------------------------------------


def get_reasons(content: str, name: str = "") -> list[str]:
    reasons = []
    for item in read_file(content, name).items:
        try:
            clean_item(item)
        except ValidationError as error:
            reasons.append(get_skip_reason(error))
    return reasons


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_lone_surrogate_is_counted_and_not_changed(name: str) -> None:
    half, whole = r'{"text": "half \ud83d here"}', r'{"text": "whole \ud83d\ude00 and \\ud83d"}'
    content = f"{half}\n{whole}\n" if name == "a.jsonl" else f"[{half}, {whole}]"
    assert get_reasons(content, name) == ["surrogate"]
    assert read_file(content, name).texts[1] == "whole \U0001f600 and \\ud83d"


@pytest.mark.django_db
def test_lone_surrogates_in_ids_and_tags_fail_nothing() -> None:
    content = rb'[{"id": "a\ud83d", "text": "I run", "tags": ["\ud83d"], "supersedes": "\ud83d"}]'
    assert stage(session(make_person("ada")), io.BytesIO(content)).counts["new"] == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 12, 13])
def test_surrogates_are_marked_whatever_the_pieces(size: int) -> None:
    data = rb'"\ud83d\ude00 \\ud83d\ude00 \uDE00 \\\ud83d \n\ud83d\ud83d\ude00\\"'
    marker = SurrogateMarker()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    marked = b"".join(
        [*(marker.feed(piece, is_last=False) for piece in pieces), marker.feed(b"", is_last=True)]
    )
    assert marked == rb'"\ud83d\ude00 \\ud83d\ufdda \ufdda \\\ufdda \n\ufdda\ud83d\ude00\\"'


def test_number_that_is_none_does_not_fail_a_line() -> None:
    lines = to_lines([{"text": "I run"}]) + '{"text": "I bake", "score": NaN}\n'
    assert read_file(lines, "a.jsonl").texts == ["I run", "I bake"]


@pytest.mark.parametrize(
    "entry",
    [
        {
            "Id": 1,
            "Body": "I keep bees",
            "CreatedAt": "/Date(1735862400000)/",
            "Tags": "garden",
            "IsDeleted": False,
        },
        {"memoryText": "I keep bees", "createdOn": "2025-01-03T00:00:00Z", "memoryCategory": "garden"},
        {"memory_text": "I keep bees", "date_added": "January 3, 2025", "memory_category": "garden"},
        {"Inhalt": "I keep bees", "Datum": "03.01.2025", "Schlagwörter": ["garden"]},
        {"contenu": "I keep bees", "date": "3 janvier 2025", "étiquettes": ["garden"]},
        {"texto": "I keep bees", "fecha": "2025-01-03", "etiquetas": ["garden"]},
        {"内容": "I keep bees", "时间": "2025年1月3日", "标签": ["garden"]},
    ],
)
def test_keys_in_other_spellings_and_languages(entry: dict[str, object]) -> None:
    for content in ([entry], {"meta": {"page": 1}, "data": {"items": [entry]}}):
        (item,) = read_file(content, "x.json").items
        assert (item.text, item.tags, item.notes) == ("I keep bees", ("garden",), ())
        assert item.created_at == datetime(2025, 1, 3, tzinfo=UTC)


def test_states_and_roles_in_other_spellings() -> None:
    values = [
        {"Text": "I keep bees"},
        {"Text": "I kept hens", "IsDeleted": True},
        {"Role": "Assistant", "Text": "You are a genius"},
    ]
    outcome = read_file(values, "x.json")
    assert (outcome.texts, outcome.skipped) == (["I keep bees"], {"in_trash": 1, "of_the_assistant": 1})


def test_lists_of_lists_are_rows() -> None:
    rows = [["2025-01-03", "I keep bees", "garden"], ["2025-01-04", "I run", "sport"]]
    for values in (rows, [["date", "text", "tags"], *rows]):
        outcome = read_file(values, "x.json")
        assert (outcome.texts, outcome.tags) == (["I keep bees", "I run"], [("garden",), ("sport",)])
        assert [time and time.day for time in outcome.times] == [3, 4]


def test_keys_may_be_days() -> None:
    outcome = read_file({"2025-01-03": "I keep bees", "2025-01-04": ["I run", "I paint"]}, "x.json")
    assert outcome.texts == ["I keep bees", "I run", "I paint"]
    assert [time and time.day for time in outcome.times] == [3, 4, 4]


def test_notebooks_with_notes() -> None:
    note = {"name": "Bees", "text": "I keep bees", "modified": "2025-01-03"}
    outcome = read_file({"version": "1", "notebooks": [{"name": "Garden", "notes": [note]}]}, "x.json")
    assert (outcome.texts, outcome.tags) == (["Bees: I keep bees"], [("Garden",)])


def test_html_in_json_is_no_html_page() -> None:
    value = [
        {
            "content": "<p>I keep <b>bees</b> &amp; hens</p><ul><li>a</li><li>b</li></ul>",
            "created": "2025-01-03",
        }
    ]
    assert read_file(value, "notes.json").texts == ["I keep bees & hens\n\n- a\n- b"]


def test_mem0_with_a_graph_only() -> None:
    relation = {"source": "ada", "relationship": "lives_in", "target": "lier"}
    value = {"results": [{"id": "a", "memory": "Keeps bees"}], "relations": [relation]}
    assert read_file(value).texts == ["Keeps bees", "Ada lives in lier"]


def test_memories_beside_conversations_come() -> None:
    messages = [
        {"role": "user", "content": "I live in Lier"},
        {"role": "assistant", "content": "You are a genius"},
    ]
    value = {
        "settings": {"theme": "dark"},
        "memories": [{"text": "Keeps bees"}],
        "chats": [{"id": 1, "messages": messages}],
    }
    outcome = read_file(value, "x.json")
    assert outcome.texts == ["I live in Lier", "Keeps bees"]
    assert outcome.skipped == {"of_the_assistant": 1}


def test_roles_in_other_languages() -> None:
    values = [
        {"rolle": "assistent", "inhalt": "Du bist ein Genie"},
        {"rolle": "benutzer", "inhalt": "Ich halte Bienen"},
    ]
    outcome = read_file(values, "x.json")
    assert (outcome.texts, outcome.skipped) == (["Ich halte Bienen"], {"of_the_assistant": 1})


def test_fields_within_records() -> None:
    record = {
        "id": "rec1",
        "createdTime": "2025-01-03T00:00:00Z",
        "fields": {"Memory": "I keep bees", "Tags": ["a"]},
    }
    resource = {
        "type": "memories",
        "id": "1",
        "attributes": {"body": "I run", "created-at": "2025-01-03T00:00:00Z"},
    }
    for value, text in (({"records": [record]}, "I keep bees"), ({"data": [resource]}, "I run")):
        (item,) = read_file(value, "x.json").items
        assert (item.text, item.created_at) == (text, datetime(2025, 1, 3, tzinfo=UTC))


def test_single_entry_with_personal_keys_is_a_text() -> None:
    entry = {
        "Text": "I keep bees",
        "SourceName": "Notes",
        "CreatedTime": "2025-01-03",
        "DeviceName": "iPhone",
    }
    assert read_file([entry], "x.json").texts == ["I keep bees"]


def test_prose_beside_memories_that_is_not_read_is_counted() -> None:
    outcome = read_file(
        {"user": {"profile": {"bio": "I keep bees in Lier."}}, "notes": ["I run every Sunday."]}
    )
    assert (outcome.texts, outcome.skipped) == (["I run every Sunday."], {"not_a_memory": 1})
