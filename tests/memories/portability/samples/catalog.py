"""All samples."""

from tests.memories.portability.samples.sample import Sample

SAMPLES: tuple[Sample, ...] = ()
