"""A ranking of passages in memory is that of the index: the same memories in the same order with the same scores."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from uuid import uuid4

import numpy as np
import pytest
from django.utils import timezone

from accounts.models import User
from memories.index.vectors import StoredVector
from memories.models import EmbeddingSpace, MemoryVector
from memories.search import ranking
from memories.search.cache import store
from memories.search.cache.ranking import find_cached_rows
from memories.search.ranking_query import OtherToken, QueryVector, RankedMemory, RankingQuery, VisibleRows
from memories.services import writes
from memories.services.writes import NewMemory
from tests.factories import make_person, session

pytestmark = [
    pytest.mark.usefixtures("shared_db", "caching"),
    pytest.mark.plain(reason="vectors in memory are not used on a cluster"),
]
DIMENSIONS, WORDS = 384, 10
PRIVATE, PUBLIC, DAYS, TAGS = 0, 1_000, 2_000, 3_000  # tokens of word 0 under each key


@dataclass
class Corpus:
    """Memories of everything that a ranking distinguishes: the chances of each are `chance`'s."""

    owner: User
    chance: random.Random
    spaces: list[EmbeddingSpace]

    def fill(self, count: int) -> None:
        chats = [uuid4() for _ in range(3)]
        items = [
            NewMemory(
                f"note {number}",
                visibility=self.chance.choice(["private", "private", "public"]),
                conversation=self.chance.choice(chats) if number % 2 else None,
                position=number * self.chance.choice([1, 3, 4_096, 5_000_000]) if number % 2 else None,
            )
            for number in range(count)
        ]
        writes.create_memories(session(self.owner), items)
        few = [self.vector() for _ in range(5)]  # equal vectors are ordered by their memories
        rows = MemoryVector.objects.filter(owner=self.owner)
        varied = [each for row in rows for each in self._vary(row, few)]
        rows.delete()
        MemoryVector.objects.bulk_create(varied)

    def _vary(self, row: MemoryVector, few: list[list[float]]) -> Iterator[MemoryVector]:
        """Yield passages that take the place of this one."""
        state = self.chance.random()
        for passage in range(self.chance.choice([1, 1, 1, 2, 7])):
            space = self.chance.choice([*self.spaces, *self.spaces, None])
            vector = self.chance.choice([self.vector(), self.vector(), self.chance.choice(few), None])
            yield MemoryVector(
                memory_id=row.memory_id,
                passage=passage,
                owner_id=row.owner_id,
                is_public=row.is_public,
                is_trashed=state < 0.1,
                expires_at=timezone.now() + timedelta(days=1 if state > 0.2 else -1) if state < 0.3 else None,
                space=space,
                embedding=StoredVector(vector) if vector and space else None,
                tokens=self.tokens(row.is_public),
                sequence=row.sequence,
            )

    def tokens(self, is_public: bool) -> list[int]:
        first = PUBLIC if is_public else PRIVATE
        words = [first + word for word in range(WORDS) if self.chance.random() < 0.5 / (word + 1)]
        other = [DAYS + first + self.chance.randrange(3), TAGS + self.chance.randrange(9)]
        return sorted(words + other)

    def vector(self) -> list[float]:
        plain = np.array([self.chance.gauss() for _ in range(DIMENSIONS)])
        return list((plain / np.linalg.norm(plain)).tolist())

    def query(self, words: int, vectors: int) -> RankingQuery:
        chosen = sorted(self.chance.sample(range(WORDS), words))
        places = range(len(chosen))
        return RankingQuery(
            vectors=[
                QueryVector(space.encoder, self.vector(), self.vector()) for space in self.spaces[:vectors]
            ],
            private_tokens=[PRIVATE + word for word in chosen],
            public_tokens=[PUBLIC + word for word in chosen],
            private_days=[[DAYS + PRIVATE + place] if place < 2 else [] for place in places],
            public_days=[[DAYS + PUBLIC + place] if place < 2 else [] for place in places],
            others=[OtherToken(place, TAGS + place, TAGS + place) for place in places if place < 4],
            common=[0] if words > 2 else (),
            specificity=[self.chance.random() for _ in places],
            content=0.8,
        )

    def rank(self, query: RankingQuery, limit: int, looked_through: int) -> list[list[RankedMemory]]:
        """Return the ranking of the index, and that of the memory."""
        rows = VisibleRows.for_actor(session(self.owner), self.owner)
        assert rows is not None
        plain = ranking.rank_memories(rows, query, limit=limit, looked_through=looked_through)
        found = [
            find_cached_rows(rows, session(self.owner), self.owner) for _ in range(2)
        ]  # registered, then loaded
        assert found[1] is not None
        cached = found[1].rank_memories(query, limit=limit, looked_through=looked_through)
        assert cached is not None
        return [plain, cached]


@pytest.fixture
def corpus(shared_db: None) -> Corpus:
    spaces = [EmbeddingSpace.objects.get_or_create(identity=name, encoder=name)[0] for name in ("one", "two")]
    return Corpus(make_person("ada"), random.Random(5), spaces)


def assert_equal(plain: list[RankedMemory], cached: list[RankedMemory]) -> None:
    assert [(each.memory.pk, each.words, each.has_neighbor) for each in cached] == [
        (each.memory.pk, each.words, each.has_neighbor) for each in plain
    ]
    for one, other in zip(plain, cached, strict=True):
        assert other.score == pytest.approx(one.score, abs=1e-6)
        assert other.idf_share == pytest.approx(one.idf_share, abs=1e-9)
        assert (one.cosine is None) == (other.cosine is None)
        assert one.cosine is None or other.cosine == pytest.approx(one.cosine, abs=1e-6)


def test_rankings_from_memory_are_those_of_the_index(corpus: Corpus) -> None:
    corpus.fill(200)
    for words, vectors in product((0, 1, 3, 8), (0, 1, 2)):
        if words or vectors:
            for limit, looked_through in ((1, 0), (10, 50), (400, 0)):
                assert_equal(*corpus.rank(corpus.query(words, vectors), limit, looked_through))
    assert store.measure_size()
