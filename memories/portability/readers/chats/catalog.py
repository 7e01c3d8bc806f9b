"""The formats of chats with AI assistants."""

from memories.portability.readers.chats.agent_sessions import AGENT_SESSION
from memories.portability.readers.chats.chatgpt import CHATGPT, CHATGPT_OTHER, CHATGPT_PAGE
from memories.portability.readers.chats.claude import CLAUDE, CLAUDE_ARTIFACT, CLAUDE_OTHER
from memories.portability.readers.chats.copilot import COPILOT
from memories.portability.readers.chats.deepseek import DEEPSEEK
from memories.portability.readers.chats.gemini import GEMINI, GEMINI_OTHER
from memories.portability.readers.chats.grok import GROK, GROK_FILE, GROK_OTHER
from memories.portability.readers.chats.perplexity import PERPLEXITY, PERPLEXITY_PAGE
from memories.portability.readers.chats.role_lists import LE_CHAT, ROLE_LIST
from memories.portability.readers.formats import FileKind

CHAT_FORMATS: tuple[FileKind, ...] = (
    GROK_FILE,
    DEEPSEEK,  # its conversations look like ChatGPT's
    CHATGPT_PAGE,  # chat.html beside its conversations
    CHATGPT,
    CLAUDE,
    GEMINI,
    GROK,
    PERPLEXITY,
    PERPLEXITY_PAGE,
    COPILOT,
    LE_CHAT,
    AGENT_SESSION,
    CHATGPT_OTHER,
    CLAUDE_OTHER,
    CLAUDE_ARTIFACT,
    GEMINI_OTHER,
    GROK_OTHER,
    ROLE_LIST,
)
