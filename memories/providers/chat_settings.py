"""Settings of the chat model that generates persona answers. Without one, answers are quotations."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from environs import Env

from core.hosts import OPENAI_HOST, is_loopback_host


@dataclass(frozen=True)
class ChatSettings:
    """Connection settings of the chat model. An empty `model` means that there is none."""

    model: str = ""
    provider: str = "openai"
    base_url: str = ""
    api_key: str = ""
    timeout_s: float = 30.0
    prompt_tokens: int = 3_000
    answer_tokens: int = 600
    rewrites_questions: bool = True

    @property
    def host(self) -> str:
        """The host that receives the texts, for display."""
        if self.base_url:
            return urlsplit(self.base_url).hostname or self.base_url
        return OPENAI_HOST if self.provider == "openai" else self.provider

    @property
    def is_hosted(self) -> bool:
        """Whether texts leave this machine."""
        return not is_loopback_host(self.host)


def load_chat_settings(env: Env) -> ChatSettings:
    return ChatSettings(
        model=env.str("CHAT_MODEL", default=""),
        provider=env.str("CHAT_PROVIDER", default="openai"),
        base_url=env.str("CHAT_BASE_URL", default=""),
        api_key=env.str("CHAT_API_KEY", default=""),
        timeout_s=env.float("CHAT_TIMEOUT_S", default=30.0),
        prompt_tokens=env.int("CHAT_PROMPT_TOKENS", default=3_000),
        answer_tokens=env.int("CHAT_ANSWER_TOKENS", default=600),
        rewrites_questions=env.bool("CHAT_REWRITES_QUESTIONS", default=True),
    )
