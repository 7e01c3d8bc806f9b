"""All samples."""

from tests.memories.portability.samples.chats import CHATGPT_SAMPLES, CLAUDE_SAMPLES
from tests.memories.portability.samples.memory_tools import MEMORY_TOOL_SAMPLES
from tests.memories.portability.samples.more_chats import GEMINI_SAMPLES, LIST_SAMPLES, PRODUCT_SAMPLES
from tests.memories.portability.samples.more_notes import MORE_NOTE_SAMPLES
from tests.memories.portability.samples.notes import NOTE_SAMPLES
from tests.memories.portability.samples.picard_and_pam import PICARD_AND_PAM_SAMPLES
from tests.memories.portability.samples.refused import REFUSED_SAMPLES
from tests.memories.portability.samples.sample import Sample
from tests.memories.portability.samples.tables import TABLES_SAMPLES
from tests.memories.portability.samples.texts import TEXTS_SAMPLES

SAMPLES: tuple[Sample, ...] = (
    *CHATGPT_SAMPLES,
    *CLAUDE_SAMPLES,
    *MEMORY_TOOL_SAMPLES,
    *GEMINI_SAMPLES,
    *PRODUCT_SAMPLES,
    *LIST_SAMPLES,
    *NOTE_SAMPLES,
    *MORE_NOTE_SAMPLES,
    *PICARD_AND_PAM_SAMPLES,
    *REFUSED_SAMPLES,
    *TABLES_SAMPLES,
    *TEXTS_SAMPLES,
)
