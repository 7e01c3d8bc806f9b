"""The model of the state machines: the expected memories of each user, and the words that each may read."""

from dataclasses import dataclass, field
from itertools import count
from uuid import UUID

COMMON = "walrus"  # in every text, so that one search matches all


@dataclass
class ExpectedMemory:
    """A memory. `texts` are all its texts, the current one last; each text and each tag contains a canary."""

    owner: str
    id: UUID
    texts: list[str]
    tags: list[str] = field(default_factory=list)
    is_public: bool = False
    is_trashed: bool = False
    is_expired: bool = False
    will_expire: bool = False
    is_pinned: bool = False

    @property
    def text(self) -> str:
        return self.texts[-1]

    @property
    def is_present(self) -> bool:
        return not self.is_trashed and not self.is_expired


class World:
    """The memories of all users, including permanently deleted ones, whose words must not reappear."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.memories: list[ExpectedMemory] = []
        self.deleted: list[ExpectedMemory] = []
        self.pending: list[tuple[str, str]] = []  # owner, and a text that needs their approval
        self.has_persona = dict.fromkeys(names, False)
        self._numbers = count(1)

    def new_text(self) -> str:
        return f"The {COMMON} and the {self.canary()}."

    def canary(self) -> str:
        """Return a new unique word that is no prefix of another."""
        return f"canary{next(self._numbers):05}"

    def record_app_edit(self, memory: ExpectedMemory, text: str, *, needs_approval: bool) -> None:
        """Record an edit by an app that may not publish: it needs approval if the memory is public or pinned."""
        assert needs_approval is (memory.is_public or memory.is_pinned)
        if needs_approval:
            self.pending.append((memory.owner, text))
        else:
            memory.texts.append(text)

    def pick(self, owner: str, number: int, *, present: bool = True) -> ExpectedMemory | None:
        """Return one of the owner's present or trashed memories; None if there is none."""
        own = [memory for memory in self.memories if memory.owner == owner and memory.is_present == present]
        return own[number % len(own)] if own else None

    def get_texts(self, owner: str, *, present: bool) -> set[str]:
        """Return the current texts of the owner's present or trashed memories."""
        return {
            memory.text for memory in self.memories if memory.owner == owner and memory.is_present == present
        }

    def get_pinned_texts(self, owner: str) -> set[str]:
        own = [memory for memory in self.memories if memory.owner == owner and memory.is_present]
        return {memory.text for memory in own if memory.is_pinned}

    def get_texts_shown_to_others(self, owner: str) -> set[str]:
        """Return the texts that others find in this user's memories."""
        if not self.has_persona[owner]:
            return set()
        own = [memory for memory in self.memories if memory.owner == owner and memory.is_present]
        return {memory.text for memory in own if memory.is_public}

    def get_public_canaries(self, owner: str) -> set[str]:
        """Return the canaries in the texts that others find, which the persona may use."""
        return {
            word.strip(".")
            for text in self.get_texts_shown_to_others(owner)
            for word in text.split()
            if "canary" in word
        }

    def get_canaries(self, owner: str) -> set[str]:
        """Return every canary of this user: in texts, earlier texts, tags and pending proposals."""
        own = [memory for memory in [*self.memories, *self.deleted] if memory.owner == owner]
        texts = [text for memory in own for text in [*memory.texts, *memory.tags]]
        texts += [text for proposal_owner, text in self.pending if proposal_owner == owner]
        return {word.strip(".") for text in texts for word in text.split() if word.startswith("canary")}
