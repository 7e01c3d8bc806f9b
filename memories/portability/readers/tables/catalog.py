"""The formats of tables."""

from memories.portability.readers.formats import FileKind
from memories.portability.readers.tables.csv_table import TABLE

TABLE_FORMATS: tuple[FileKind, ...] = ()
GENERIC_TABLES: tuple[FileKind, ...] = (TABLE,)
