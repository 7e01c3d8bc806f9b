"""All samples."""

from tests.memories.portability.samples.notes import NOTE_SAMPLES
from tests.memories.portability.samples.sample import Sample

SAMPLES: tuple[Sample, ...] = (*NOTE_SAMPLES,)
