"""All samples."""

from tests.memories.portability.samples.chats import CHATS_SAMPLES
from tests.memories.portability.samples.sample import Sample

SAMPLES: tuple[Sample, ...] = (*CHATS_SAMPLES,)
