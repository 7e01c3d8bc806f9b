"""The formats as a whole: what they are called and stored as, and that each has a sample."""

from collections import defaultdict
from itertools import chain

from memories.models import ImportBatch
from memories.portability.readers.catalog import FALLBACKS, FILE_KINDS, FORMATS, IMPORT_FORMATS, MIXED
from memories.portability.readers.formats import FileKind, Format, RefusedKind
from memories.portability.readers.reasons import NOTES, REASONS
from memories.validation import limits
from tests.memories.portability.samples.catalog import SAMPLES

KINDS: tuple[FileKind, ...] = (*FORMATS, *FALLBACKS)
MIN_SAMPLES = 80


def test_names_can_be_stored_and_be_tags() -> None:
    names = {*FILE_KINDS, MIXED}
    assert max(map(len, names)) <= (ImportBatch._meta.get_field("format").max_length or 0) == 20
    assert [name for name in names if name != name.lower()] == []
    tags = [f"imported:{name}" for name in names]
    assert [tag for tag in tags if limits.select_valid_tags([tag]) != [tag]] == []


def test_one_name_has_one_label_and_is_imported_or_refused() -> None:
    labels, types = defaultdict(set), defaultdict(set)
    for kind in KINDS:
        labels[kind.name].add(str(kind.label))
        types[kind.name].add(type(kind))
    assert {name: found for name, found in labels.items() if len(found) > 1} == {}
    assert {name: found for name, found in types.items() if len(found) > 1} == {}
    assert all(chain.from_iterable(labels.values()))
    assert MIXED not in labels


def test_every_kind_that_is_refused_has_a_reason() -> None:
    assert {kind.reason for kind in KINDS if isinstance(kind, RefusedKind)} <= set(REASONS)


def test_codes_and_texts_of_reasons_differ() -> None:
    assert not set(REASONS) & set(NOTES)
    texts = [str(text) for text in (*REASONS.values(), *NOTES.values())]
    assert sorted(set(texts)) == sorted(texts)


def test_every_format_has_a_sample() -> None:
    assert set(IMPORT_FORMATS) - set().union(*(sample.formats for sample in SAMPLES)) == set()
    assert len(SAMPLES) >= MIN_SAMPLES
    assert len({sample.title for sample in SAMPLES}) == len(SAMPLES)


def test_samples_expect_known_formats_reasons_and_notes() -> None:
    formats = {kind.name for kind in KINDS if isinstance(kind, Format)}
    for sample in SAMPLES:
        assert sample.formats <= formats, sample.title
        assert {reason for _name, reason in sample.left_out} <= set(REASONS), sample.title
        assert set(sample.notes) <= set(NOTES), sample.title
