"""Words by which JSON of unknown products is told apart: what holds memories, and what is not a person's."""

import re

from memories.portability.readers.memory_tools.entry_keys import (
    END_KEYS,
    EXPIRY_KEYS,
    ID_KEYS,
    INNER_KEYS,
    SET_KEYS,
    STATE_KEYS,
    TAG_KEYS,
    TEXT_KEYS,
    TIME_KEYS,
    TITLE_KEYS,
    UNSET_KEYS,
    WEAK_TEXT_KEYS,
)

# Keys of lists and objects whose texts are memories, whatever they look like.
MEMORY_KEY = re.compile(
    r".*memor(?:y|ies).*|facts?|notes?|observations?|insights?|statements?|saved(?:_?info)?|remembered|about_?(?:me|user|the_user)|"
    r"preference_detail_list|knowledge|journal|diary|lifelogs?|thoughts|reflections|learnings|"
    r"erinnerung(?:en)?|notizen|fakten|souvenirs?|mémoires?|faits|recuerdos?|memorias?|notas|hechos|memórias?|"
    r"lembranças|fatos|ricordi|memorie|appunti|fatti|herinnering(?:en)?|notities|feiten|wspomnienia|notatki|minnen|"
    r"minder|воспоминания|заметки|факты|記憶|メモリー?|メモ|思い出|记忆|笔记|筆記|事实|기억|메모|anılar|notlar",
    re.IGNORECASE,
)
# Keys of lists and objects that only wrap: their entries need a text of their own.
WRAPPER_KEY = re.compile(
    r"data|results?|items?|entries|records?|documents?|docs|response|payload|export|backup|content|output|values?|body|"
    r"rows?|list|nodes|points|objects|hits|user|users|profiles?|notebooks?|folders?|collections?|groups|categories|"
    r"sections|chapters|spaces|workspaces?|library|page|page_?data|dump|archive|daten|données|datos|dados|dati|数据",
    re.IGNORECASE,
)
PROFILE_KEY = re.compile(
    r"(?:user_?)?profile|about_?(?:me|user)|persona|person|me|user(?:_?info)?|identity", re.IGNORECASE
)
# Objects within an entry that hold it: "memory" of a search result, "payload" of a vector store.
ENTRY_KEYS = (
    "memory",
    "memory_item",
    "document",
    "record",
    "node",
    "payload",
    "item",
    "fact",
    "entry",
    "data",
    "page",
    "attributes",
    "fields",
)

# Keys of what others wrote, of logs, of records of programs and of training data: their texts are not the person's.
CHAT_KEYS = frozenset(
    {"role", "sender", "author", "speaker", "from", "from_user", "by", "username", "screen_name", "author_id"}
)
FOREIGN_KEYS = frozenset({
    "level", "severity", "logger", "loglevel", "pid", "hostname", "stack", "stacktrace", "exception", "retweet_count",
    "like_count", "node_id", "html_url", "comments_url", "in_reply_to", "instruction", "completion", "price", "sku",
    "cell_type", "outputs", "command", "latitude", "longitude", "product_id", "label_id", "split", "answers",
    "subreddit",
})  # fmt: skip
# Topics without which their facts say too little, unless these are whole sentences: {"likes": ["long walks in rain"]}.
NEEDED_TOPIC = re.compile(
    r".*(?:like|love|hate|goal|hobb|allerg|want|wish|avoid|favou?rite|skill|fear|plan|dream|interest|need|never|always)"
    r".{0,20}",
    re.IGNORECASE,
)
# Keys of lists of sentences about an export, not in it.
REPORT_KEYS = frozenset(
    {"warnings", "errors", "notices", "messages", "instructions", "log", "logs", "disclaimers"}
)
CONVERSATION_KEYS = frozenset(
    {"messages", "mapping", "chat_messages", "turns", "conversation", "conversations"}
)
ASSISTANT_ROLES = frozenset({
    "assistant", "ai", "bot", "model", "chatgpt", "claude", "gemini", "assistent", "assistentin", "asistente",
    "assistente", "asystent", "assistante", "ki", "ia", "ассистент", "助手", "アシスタント", "어시스턴트",
})  # fmt: skip
SYSTEM_ROLES = frozenset({"system", "tool", "function", "developer"})
PERSON_ROLES = frozenset({
    "user", "human", "me", "benutzer", "nutzer", "usuario", "usuário", "utilisateur", "utente", "gebruiker",
    "użytkownik", "пользователь", "用户", "用戶", "ユーザー", "사용자",
})  # fmt: skip
# Keys that an entry with only a weak text may have besides.
ENTRY_FIELDS = frozenset({
    *TEXT_KEYS, *WEAK_TEXT_KEYS, *TITLE_KEYS, *TIME_KEYS, *EXPIRY_KEYS, *END_KEYS, *TAG_KEYS, *ID_KEYS, *INNER_KEYS,
    *STATE_KEYS, *SET_KEYS, *UNSET_KEYS, "key", "type", "kind", "source", "importance", "score", "confidence",
    "priority", "weight", "user_id", "userId", "embedding", "vector", "memory_type", "context", "mood", "place",
    "distance", "similarity", "supersedes", "superseded_by", "tokenCount", "pinned", "access_count",
    "accessCount", "hash",
})  # fmt: skip
MAX_KEY_CHARACTERS = 100


def names_memories(key: str) -> bool:
    return len(key) <= MAX_KEY_CHARACTERS and MEMORY_KEY.fullmatch(key) is not None


def wraps(key: str) -> bool:
    return len(key) <= MAX_KEY_CHARACTERS and WRAPPER_KEY.fullmatch(key) is not None


def names_person(key: str) -> bool:
    return len(key) <= MAX_KEY_CHARACTERS and PROFILE_KEY.fullmatch(key) is not None


def needs_topic(topic: str) -> bool:
    return len(topic) <= MAX_KEY_CHARACTERS and NEEDED_TOPIC.fullmatch(topic) is not None
