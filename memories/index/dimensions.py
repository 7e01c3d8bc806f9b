"""The width of the column with the vectors: it must be EMBEDDING_DIMENSIONS, and can be changed.

A vector of another width cannot be stored, so servers and workers do not start (picard.E032) until the width is
changed (`manage.py resize_vectors`) or the setting.
"""

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from memories.index import work_queue
from memories.models import Memory, MemoryVector

LOCK_TIMEOUT = "10s"  # of the table, which a search or a worker may be using

READ_WIDTH = """
select atttypmod from pg_attribute
where attrelid = to_regclass(%s) and attname = 'embedding' and not attisdropped
"""


def read_stored_dimensions() -> int | None:
    """Return the width of the column, None before the first migration."""
    with connection.cursor() as cursor:
        cursor.execute(READ_WIDTH, [MemoryVector._meta.db_table])
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def find_width_fault() -> str:
    """Return what is wrong with EMBEDDING_DIMENSIONS and how to fix it, empty if nothing is."""
    stored = read_stored_dimensions()
    if stored in (None, settings.EMBEDDING_DIMENSIONS):
        return ""
    return (
        f"EMBEDDING_DIMENSIONS is {settings.EMBEDDING_DIMENSIONS}, but this database stores {stored} dimensions. "
        f"Set EMBEDDING_DIMENSIONS={stored}, or run `manage.py resize_vectors`, which re-indexes all memories."
    )


def refuse_wrong_dimensions() -> None:
    """Exit the process (SystemExit) if vectors of EMBEDDING_DIMENSIONS cannot be stored in this database.

    Ignore a database that is unreachable or not migrated yet: /readyz reports that.
    """
    try:
        fault = find_width_fault()
    except DatabaseError:
        return
    if fault:
        raise SystemExit(f"picard.E032: {fault}")


def resize_vectors() -> int:
    """Change the column's width to EMBEDDING_DIMENSIONS and queue all memories; return how many.

    Deletes all vectors: until a memory is indexed again, it is found by keyword only. Needs the role that owns the
    table. Raises OperationalError if the table is in use for longer than LOCK_TIMEOUT.
    """
    table = connection.ops.quote_name(MemoryVector._meta.db_table)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
        width = int(settings.EMBEDDING_DIMENSIONS)
        cursor.execute(f"alter table {table} alter column embedding type halfvec({width}) using null")
        MemoryVector.objects.update(space=None)
        return work_queue.enqueue_memories(Memory.objects.all())
