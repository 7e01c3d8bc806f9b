"""The formats of chats with AI assistants."""

from memories.portability.readers.chats.chat_exports import CHATGPT, CLAUDE
from memories.portability.readers.formats import FileKind

CHAT_FORMATS: tuple[FileKind, ...] = (CHATGPT, CLAUDE)
