"""The formats of tables."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.tables.anki import ANKI
from memories.portability.readers.tables.csv_table import TABLE
from memories.portability.readers.tables.kindle import KINDLE
from memories.portability.readers.tables.kindle_notebook import KINDLE_NOTEBOOK, KINDLE_NOTEBOOK_TABLE
from memories.portability.readers.tables.readwise import READWISE
from memories.portability.readers.tables.todoist import TODOIST

TABLE_FORMATS: tuple[FileKind, ...] = (
    KINDLE,
    KINDLE_NOTEBOOK,
    KINDLE_NOTEBOOK_TABLE,
    READWISE,
    ANKI,
    TODOIST,
)
GENERIC_TABLES: tuple[FileKind, ...] = (TABLE,)
