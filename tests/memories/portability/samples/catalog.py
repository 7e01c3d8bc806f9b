"""All samples."""

from tests.memories.portability.samples.memory_tools import MEMORY_TOOL_SAMPLES
from tests.memories.portability.samples.picard_and_pam import PICARD_AND_PAM_SAMPLES
from tests.memories.portability.samples.sample import Sample

SAMPLES: tuple[Sample, ...] = (*MEMORY_TOOL_SAMPLES, *PICARD_AND_PAM_SAMPLES)
