"""What two people did, as it should be: their memories, and which words each may read. The model of the machine."""

from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

COMMON = "walrus"  # stands in every text, so that one search asks for all


@dataclass
class Kept:
    """A memory. `texts` are all it ever held, the current one last; each text and each tag holds a canary."""

    owner: str
    id: UUID
    texts: list[str]
    tags: list[str] = field(default_factory=list)
    is_public: bool = False
    is_trashed: bool = False
    is_expired: bool = False
    will_expire: bool = False

    @property
    def text(self) -> str:
        return self.texts[-1]

    @property
    def is_present(self) -> bool:
        return not self.is_trashed and not self.is_expired


class World:
    """Everybody's memories. Those deleted for ever stay known: their words must not come back either."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.memories: list[Kept] = []
        self.deleted: list[Kept] = []
        self.waiting: list[tuple[str, str]] = []  # whose, and the text that waits for their yes
        self.has_persona = dict.fromkeys(names, False)
        self._numbers = count(1)

    def new_text(self) -> str:
        return f"The {COMMON} and the {self.canary()}."

    def canary(self) -> str:
        """A word that occurs once, and in which no other one begins."""
        return f"canary{next(self._numbers):05}"

    def written_by_app(self, kept: Kept, text: str, *, waits: bool) -> None:
        """By one that may not publish: it is a memory's text at once, or waits where everybody would read it."""
        assert waits is kept.is_public
        if waits:
            self.waiting.append((kept.owner, text))
        else:
            kept.texts.append(text)

    def pick(self, owner: str, number: int, *, present: bool = True) -> Kept | None:
        """One of the owner's present memories, or of those in the trash; None when there is none."""
        own = [kept for kept in self.memories if kept.owner == owner and kept.is_present == present]
        return own[number % len(own)] if own else None

    def of(self, owner: str, *, present: bool) -> set[str]:
        """The current texts of the owner's present memories, or of those in the trash."""
        return {kept.text for kept in self.memories if kept.owner == owner and kept.is_present == present}

    def shown_to_others(self, owner: str) -> set[str]:
        """The texts that others find when they ask for this person's memories."""
        if not self.has_persona[owner]:
            return set()
        own = [kept for kept in self.memories if kept.owner == owner and kept.is_present]
        return {kept.text for kept in own if kept.is_public}

    def public_words_of(self, owner: str) -> set[str]:
        """The canaries in what others find: what a persona may tell them."""
        return {
            word.strip(".")
            for text in self.shown_to_others(owner)
            for word in text.split()
            if "canary" in word
        }

    def words_of(self, owner: str) -> set[str]:
        """Every canary that this person ever wrote: in a text, an earlier text, a tag, or what waits for their yes."""
        own = [kept for kept in [*self.memories, *self.deleted] if kept.owner == owner]
        written = [text for kept in own for text in [*kept.texts, *kept.tags]]
        written += [text for whose, text in self.waiting if whose == owner]
        return {word.strip(".") for text in written for word in text.split() if word.startswith("canary")}
