"""Conversations of imported memories and their places in them, the same in each import of a file."""

from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from memories.index.work_queue import TURN_PLACES
from memories.portability.readers.items import ImportItem
from memories.validation.drafts import MAX_POSITION

OWN_FORMAT = "picard"  # its lines have the conversations and positions of memories


@dataclass
class ConversationPlaces:
    """Assigns conversations, and places to the turns of which the file does not give the position."""

    owner_id: UUID
    conversation: str | None = None
    position: int = 0

    def assign(self, item: ImportItem, part: int, name: str) -> ImportItem:
        """Return the item with its stored conversation and position. name: of the format."""
        if item.conversation is None:
            return item
        is_own = name == OWN_FORMAT or item.id is not None  # which only exports of a Picard have
        if is_own and item.position is not None and _is_uuid(item.conversation):
            return replace(item, position=item.position + part) if part else item
        position = self._count_turn(item.conversation, part) if item.position is None else item.position
        return replace(
            item,
            conversation=str(uuid5(self.owner_id, f"{name} {item.conversation}")),
            position=min(position * TURN_PLACES + min(part, TURN_PLACES - 1), MAX_POSITION),
        )

    def _count_turn(self, conversation: str, part: int) -> int:
        if conversation != self.conversation:
            self.conversation, self.position = conversation, 0
        elif not part:
            self.position += 1
        return self.position


def _is_uuid(conversation: str) -> bool:
    try:
        UUID(conversation)
    except ValueError:
        return False
    return True
