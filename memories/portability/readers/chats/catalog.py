"""The formats of chats with AI assistants."""

from memories.portability.readers.chats.chatgpt import CHATGPT, CHATGPT_OTHER, CHATGPT_PAGE
from memories.portability.readers.chats.claude import CLAUDE, CLAUDE_ARTIFACT, CLAUDE_OTHER
from memories.portability.readers.formats import FileKind

CHAT_FORMATS: tuple[FileKind, ...] = (
    CHATGPT,
    CLAUDE,
    CHATGPT_PAGE,
    CHATGPT_OTHER,
    CLAUDE_OTHER,
    CLAUDE_ARTIFACT,
)
