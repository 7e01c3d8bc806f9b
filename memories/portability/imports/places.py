"""Conversations of imported memories and their places in them, the same in each import of a file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from memories.index.work_queue import TURN_PLACES
from memories.portability.readers.items import ImportItem
from memories.validation.drafts import MAX_POSITION

OWN_FORMAT = "picard"  # its lines have the conversations and positions of memories


@dataclass
class ConversationPlaces:
    """Assigns conversations, and places to the turns of which the file does not give the position.

    only_tags: of an app that is limited to them. Its conversations are others than those of the same name: where a
    place is taken would tell it what it cannot see.
    """

    owner_id: UUID
    only_tags: Sequence[UUID] | None = None
    conversation: str | None = None
    position: int = 0

    def assign(self, item: ImportItem, part: int, name: str) -> ImportItem:
        """Return the item with its stored conversation and position. name: of the format."""
        if item.conversation is None:
            return item
        is_own = name == OWN_FORMAT or item.id is not None  # which only exports of a Picard have
        if is_own and item.position is not None and _is_uuid(item.conversation):
            conversation = item.conversation if self.only_tags is None else self._name_conversation(item, "")
            return replace(item, conversation=conversation, position=item.position + part)
        position = self._count_turn(item.conversation, part) if item.position is None else item.position
        return replace(
            item,
            conversation=self._name_conversation(item, f"{name} "),
            position=min(position * TURN_PLACES + min(part, TURN_PLACES - 1), MAX_POSITION),
        )

    def _name_conversation(self, item: ImportItem, prefix: str) -> str:
        namespace = self.owner_id
        if self.only_tags is not None:
            namespace = uuid5(namespace, " ".join(sorted(map(str, self.only_tags))))
        return str(uuid5(namespace, f"{prefix}{item.conversation}"))

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
