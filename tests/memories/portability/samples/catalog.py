"""All samples."""

from tests.memories.portability.samples.refused import REFUSED_SAMPLES
from tests.memories.portability.samples.sample import Sample
from tests.memories.portability.samples.tables import TABLES_SAMPLES

SAMPLES: tuple[Sample, ...] = (
    *TABLES_SAMPLES,
    *REFUSED_SAMPLES,
)
