"""Each sample of an export comes as it is to: its texts, dates and tags, and all that is left out.

Every file of it is imported, or named with what was left out of it.
"""

import pytest

from tests.memories.portability.reading import read_sources
from tests.memories.portability.samples.catalog import SAMPLES
from tests.memories.portability.samples.sample import Expected, Sample

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.title)


@each_sample
def test_sample_is_read(sample: Sample) -> None:
    outcome = read_sources(*sample.open_files(), **sample.options)
    read = [
        Expected(item.text, item.created_at.isoformat() if item.created_at else "", item.tags)
        for item in outcome.items
    ]
    dated = [
        Expected(item.text, item.date[: len(expected.date)], item.tags)
        for item, expected in zip(read, sample.memories, strict=False)
    ]
    assert dated + read[len(dated) :] == list(sample.memories)
    left_out = {
        (name, reason): count
        for name, file in outcome.files.items()
        for reason, count in file.skipped.items()
    }
    assert left_out == dict(sample.left_out)
    assert outcome.notes == dict(sample.notes)
    assert {file.kind for file in outcome.files.values() if file.items} == sample.formats
    assert [name for name, file in outcome.files.items() if not file.items and not file.skipped] == []
