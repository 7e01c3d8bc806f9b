"""Settings of the chat model that generates persona answers. Without one, answers are quotations."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from environs import Env

from core.hosts import OPENAI_URL, is_loopback_host, is_web_url

OPENAI = "openai"  # any provider with that API; LangChain's name for it


@dataclass(frozen=True)
class ChatSettings:
    """Connection settings of the chat model. An empty `model` means that there is none."""

    model: str = ""
    provider: str = OPENAI
    base_url: str = ""
    api_key: str = ""
    timeout_s: float = 30.0
    prompt_tokens: int = 3_000
    answer_tokens: int = 600
    rewrites_questions: bool = True

    @property
    def url(self) -> str:
        """The base URL of all requests. Nothing else, such as a library's variable, decides where texts go."""
        return self.base_url or OPENAI_URL

    @property
    def host(self) -> str:
        """The host that receives the texts, to which users consent."""
        if self.provider != OPENAI and not self.base_url:
            return self.provider  # not supported: nothing is sent
        try:
            return urlsplit(self.url).hostname or self.url
        except ValueError:  # no URL: nothing is sent
            return self.url

    @property
    def is_hosted(self) -> bool:
        """Whether texts leave this machine."""
        return not is_loopback_host(self.host)

    def find_fault(self) -> tuple[str, str] | None:
        """Return what is wrong with the settings and how to fix it, None if nothing is."""
        if self.provider != OPENAI:
            return (
                "CHAT_PROVIDER is not openai.",
                "Only OpenAI's API is supported. Most providers offer it, too: set CHAT_BASE_URL to its URL there.",
            )
        if not is_web_url(self.url):
            return (
                "CHAT_BASE_URL is not an http or https URL.",
                "Set it to a URL such as http://127.0.0.1:11434/v1",
            )
        if min(self.timeout_s, self.prompt_tokens, self.answer_tokens) <= 0:
            return (
                "CHAT_TIMEOUT_S, CHAT_PROMPT_TOKENS or CHAT_ANSWER_TOKENS is not positive.",
                "Choose another value.",
            )
        return None


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
