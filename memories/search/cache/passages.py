"""An owner's passages as arrays in the memory of a process: exactly the rows that a statement gives to somebody.

Vectors stay rotated, and words digests, as they are stored. Nothing here decides what is visible:
the rows come from the very statement that a search would rank (search/ranking_query.py).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction

from core.db.prepared import iterate_binary
from memories.models import EmbeddingSpace
from memories.search.ranking_query import VisibleRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

IS_PUBLIC, HAS_VECTOR, HAS_SEQUENCE = 1, 2, 4
NEVER = 2**63 - 1  # when a passage without expiry expires
RECORD = [
    ("high", ">u8"), ("low", ">u8"), ("flags", ">i2"), ("space", ">i2"), ("sequence", ">i8"), ("expires", ">i8"),
]  # fmt: skip
VECTOR_HEADER, ARRAY_HEADER = 4, 20  # bytes in the binary form of a halfvec and of an array
MAX_BLOCKS = 16  # each change adds one; then they are merged
MAX_GONE = 4  # one of so many passages may be gone before all are read again
PORTION = 1_024  # passages that are read at once
ARRAY_ITEM = [("size", ">i4"), ("value", ">i8")]

# The first row has the snapshot and the clock of the statement, in microseconds.
LOAD = f"""
select convert_to(pg_current_snapshot()::text, 'UTF8'),
  int8send((extract(epoch from statement_timestamp()) * 1000000)::bigint), null::bytea
union all
select uuid_send(memory_id)
    || int2send((is_public::int * {IS_PUBLIC} + (embedding is not null)::int * {HAS_VECTOR}
                 + (sequence is not null)::int * {HAS_SEQUENCE})::smallint)
    || int2send(coalesce(space_id, -1)::smallint) || int8send(coalesce(sequence, 0))
    || int8send(coalesce((extract(epoch from expires_at) * 1000000)::bigint, {NEVER})),
  array_send(tokens), halfvec_send(embedding)
from ({{rows}}) visible
"""  # noqa: S608 - put together from constants # nosec B608


@dataclass(frozen=True)
class Block:
    """Vectors and words of some passages. vectors: (passages, dimensions), in any order, in single precision.

    passages: which passage each vector is of. tokens: all words, sorted; owners: which passage has each.
    """

    vectors: "NDArray[np.float32]"
    passages: "NDArray[np.int32]"
    tokens: "NDArray[np.int64]"
    owners: "NDArray[np.int32]"

    def shift(self, count: int) -> "Block":
        """Return the block with so many passages of others before its own."""
        import numpy as np

        by = np.int32(count)
        return replace(self, passages=self.passages + by, owners=self.owners + by)


@dataclass(frozen=True)
class Passages:
    """Passages by column, those of a memory next to each other. Immutable: threads share it.

    snapshot: what the database had committed when they were read, as PostgreSQL writes it. high, low: the memory's id.
    present: false for passages that were replaced, deleted or have expired since. encoders: by space.
    """

    snapshot: str
    high: "NDArray[np.uint64]"
    low: "NDArray[np.uint64]"
    flags: "NDArray[np.int16]"
    space: "NDArray[np.int16]"
    sequence: "NDArray[np.int64]"
    expires: "NDArray[np.int64]"
    present: "NDArray[np.bool_]"
    blocks: tuple[Block, ...]
    encoders: dict[int, str]

    @cached_property
    def size(self) -> int:
        """How many bytes the arrays take."""
        columns = (self.high, self.low, self.flags, self.space, self.sequence, self.expires, self.present)
        in_blocks = (array for each in self.blocks for array in vars(each).values())
        return sum(array.nbytes for array in (*columns, *in_blocks))

    @cached_property
    def count(self) -> int:
        return int(self.present.sum())

    @cached_property
    def next_expiry(self) -> int:
        """When the next passage expires, in microseconds of the database's clock."""
        return int(self.expires[self.present].min(initial=NEVER))

    @cached_property
    def is_public(self) -> "NDArray[np.bool_]":
        return self._has_flag(IS_PUBLIC)

    @cached_property
    def has_vector(self) -> "NDArray[np.bool_]":
        return self._has_flag(HAS_VECTOR)

    @cached_property
    def has_sequence(self) -> "NDArray[np.bool_]":
        return self._has_flag(HAS_SEQUENCE)

    def _has_flag(self, flag: int) -> "NDArray[np.bool_]":
        found: NDArray[np.bool_] = self.flags & flag != 0
        return found

    def expire(self, clock_us: int) -> "Passages":
        """Return the passages without those that have expired."""
        return replace(self, present=self.present & (self.expires > clock_us))

    def at_snapshot(self, snapshot: str) -> "Passages":
        """Return the passages, complete as of this snapshot too."""
        return replace(self, snapshot=snapshot)

    def replace_memories(self, ids: Sequence[UUID], newer: "Passages") -> "Passages | None":
        """Return the passages with those of these memories as they are in `newer`; None if a fresh copy is cheaper."""
        import numpy as np

        gone = {divmod(each.int, 2**64) for each in ids}
        places = np.flatnonzero(np.isin(self.low, np.array([low for _, low in gone], np.uint64)))
        former = [at for at in places.tolist() if (int(self.high[at]), int(self.low[at])) in gone]
        present = self.present.copy()
        present[former] = False
        if (len(present) - present.sum()) * MAX_GONE > len(present):
            return None
        first, *later = *self.blocks, *(block.shift(len(self.high)) for block in newer.blocks)
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(newer, name)])
            for name in ("high", "low", "flags", "space", "sequence", "expires")
        }
        return replace(
            self,
            **columns,
            present=np.concatenate([present, newer.present]),
            blocks=(first, *(later if len(later) < MAX_BLOCKS else [_merge_blocks(later)])),
            encoders=self.encoders | newer.encoders,
        )


def _merge_blocks(blocks: Sequence[Block]) -> Block:
    import numpy as np

    width = max(block.vectors.shape[1] for block in blocks)
    tokens = np.concatenate([block.tokens for block in blocks])
    owners = np.concatenate([block.owners for block in blocks])
    order = np.argsort(tokens, kind="stable")
    vectors = [np.pad(block.vectors, [(0, 0), (0, width - block.vectors.shape[1])]) for block in blocks]
    passages = np.concatenate([block.passages for block in blocks])
    return Block(np.concatenate(vectors), passages, tokens[order], owners[order])


def load_passages(rows: VisibleRows, *, max_bytes: int) -> Passages | None:
    """Read all passages of the rows, which have the columns of a ranking and `expires_at`; None if they take more."""
    return _read(LOAD.replace("{rows}", rows.sql), [*rows.params], max_bytes)


def load_passages_of(rows: VisibleRows, ids: Sequence[UUID]) -> Passages:
    """Read the passages of these memories."""
    passages = _read(
        LOAD.replace("{rows}", rows.sql) + " where memory_id = any(%s)", [*rows.params, list(ids)]
    )
    assert passages is not None  # noqa: S101  (without a limit)
    return passages


def _read(statement: str, params: list[object], max_bytes: float = math.inf) -> Passages | None:
    import numpy as np

    reader = _Reader()
    with transaction.atomic():
        for rows in iterate_binary(statement, params, portion=PORTION):
            reader.add(rows)
            if reader.vectors.nbytes > max_bytes:
                return None
    record = np.concatenate(reader.records)
    order = np.lexsort((record["low"], record["high"]))  # the passages of a memory next to each other
    passage_of = np.empty(len(order), np.int32)
    passage_of[order] = np.arange(len(order), dtype=np.int32)
    tokens = np.concatenate(reader.tokens)
    by_token = np.argsort(tokens, kind="stable")
    owners = np.repeat(passage_of, np.concatenate(reader.counts))
    columns = {name: record[name].astype(record.dtype[name].newbyteorder("="))[order] for name, _ in RECORD}
    passages = Passages(
        snapshot=reader.snapshot,
        **columns,
        present=np.ones(len(order), np.bool_),
        blocks=(Block(reader.vectors, passage_of, tokens[by_token], owners[by_token]),),
        encoders=dict(EmbeddingSpace.objects.values_list("pk", "encoder")),
    )
    return passages.expire(reader.clock_us)


class _Reader:
    """Rows of LOAD, portion by portion. The vectors grow in place, so that there is never a second copy of them."""

    def __init__(self) -> None:
        import numpy as np

        self.snapshot, self.clock_us = "", 0
        self.vectors: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.records = [np.empty(0, np.dtype(RECORD))]
        self.tokens, self.counts = [np.empty(0, np.int64)], [np.empty(0, np.intp)]

    def add(self, rows: Sequence[tuple[bytes, bytes, bytes | None]]) -> None:
        import numpy as np

        if not self.snapshot:
            snapshot, clock, _ = rows[0]
            self.snapshot, self.clock_us, rows = snapshot.decode(), int.from_bytes(clock, "big"), rows[1:]
        record = np.frombuffer(b"".join(fixed for fixed, _, _ in rows), np.dtype(RECORD))
        items = [tokens[ARRAY_HEADER:] for _, tokens, _ in rows]
        parsed = np.frombuffer(b"".join(items), np.dtype(ARRAY_ITEM))
        self.records.append(record)
        self.tokens.append(parsed["value"].astype(np.int64))
        self.counts.append(np.array([len(each) // parsed.itemsize for each in items], np.intp))
        self._add_vectors(
            [vector[VECTOR_HEADER:] for _, _, vector in rows if vector is not None], record["flags"]
        )

    def _add_vectors(self, found: Sequence[bytes], flags: "NDArray[np.int16]") -> None:
        import numpy as np

        former, width = len(self.vectors), len(found[0]) // 2 if found else self.vectors.shape[1]
        if not self.vectors.shape[1]:
            self.vectors = np.zeros((former, width), np.float32)
        self.vectors.resize((former + len(flags), width), refcheck=False)  # adds zeros
        if found:
            places = former + np.flatnonzero(flags & HAS_VECTOR)
            self.vectors[places] = np.frombuffer(b"".join(found), ">f2").reshape(len(found), width)
