"""All samples."""

from tests.memories.portability.samples.refused import REFUSED_SAMPLES
from tests.memories.portability.samples.sample import Sample
from tests.memories.portability.samples.tables import TABLES_SAMPLES
from tests.memories.portability.samples.texts import TEXTS_SAMPLES

SAMPLES: tuple[Sample, ...] = (
    *TEXTS_SAMPLES,
    *TABLES_SAMPLES,
    *REFUSED_SAMPLES,
)
