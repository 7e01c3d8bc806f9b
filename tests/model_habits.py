"""Habits of servers with OpenAI's chat API: what they refuse and in which words, and how their models answer.

Collected from public bug reports of 2024 to 2026; the wordings are our own where they do not matter.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Request = Mapping[str, Any]
Refusal = tuple[int, object]  # status and body
REASONING = "SECRET: the user asks, and memory [2] or [3] may say it. Let me think"


@dataclass(frozen=True)
class ChatHabits:
    """How a server responds. deltas: the parts of a stream for an answer; finish_reason: how it ends.

    before, after: other lines of the stream. redirect_to: the URL to which it sends every request that it accepts.
    mixes: each part is followed by a part of a second answer.
    """

    refuse: Callable[[Request], Refusal | None] = lambda _request: None
    deltas: Callable[[str, Request], list[dict[str, Any]]] = lambda answer, _request: write(answer)
    finish_reason: Callable[[Request], str | None] = lambda _request: "stop"
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    redirect_to: str = ""
    ignores_stream: bool = False  # it answers in one piece
    mixes: bool = False


def write(answer: str) -> list[dict[str, Any]]:
    """Return deltas that cut words and marks in two."""
    return [{"content": answer[start : start + 7]} for start in range(0, len(answer), 7)]


def _think(text: str) -> list[dict[str, Any]]:
    return [{"content": "", "reasoning_content": text}, {"reasoning": text, "content": None}]


def _refuse_openai(*parameters: str) -> Callable[[Request], Refusal | None]:
    def refuse(request: Request) -> Refusal | None:
        for name in parameters:
            if name in request:
                message = f"Unsupported parameter: '{name}' is not supported with this model."
                error = {"message": message, "type": "invalid_request_error", "param": name}
                return 400, {"error": error | {"code": "unsupported_parameter"}}
        return None

    return refuse


def _refuse_first_reasoning_model(request: Request) -> Refusal | None:
    if request["messages"][0]["role"] in ("system", "developer"):
        message = "Unsupported value: 'messages[0].role' does not support 'system' with this model."
        return 400, {"error": {"message": message, "param": "messages[0].role", "code": "unsupported_value"}}
    return _refuse_openai("temperature", "max_tokens")(request)


def _refuse_system_role(status: int, body: object) -> Callable[[Request], Refusal | None]:
    return lambda request: (status, body) if request["messages"][0]["role"] != "user" else None


def _refuse_alternation(request: Request) -> Refusal | None:
    roles = [message["role"] for message in request["messages"]]
    if any(role != ("user", "assistant")[place % 2] for place, role in enumerate(roles)):
        return 400, {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}
    return None


def _refuse_extra_inputs(request: Request) -> Refusal | None:
    extra = [name for name in ("max_completion_tokens", "store", "stream_options") if name in request]
    detail = [{"type": "extra_forbidden", "loc": ["body", name], "input": request[name]} for name in extra]
    return (422, {"object": "error", "message": {"detail": detail}}) if extra else None


def _refuse_without_reason(request: Request) -> Refusal | None:
    """Refuse all that is not in the oldest form of the API."""
    is_odd = "temperature" in request or "max_completion_tokens" in request
    return (400, {"error": "Bad Request"}) if is_odd or request["messages"][0]["role"] == "system" else None


def _refuse_by_router(request: Request) -> Refusal | None:
    if request.get("temperature", 1) == 1:
        return None
    raw = {"error": {"message": "Unsupported value: 'temperature' does not support 0 with this model."}}
    metadata = {"raw": json.dumps(raw), "provider_name": "OpenAI"}
    return 400, {"error": {"message": "Provider returned error", "code": 400, "metadata": metadata}}


def _refuse_streams(request: Request) -> Refusal | None:
    if not request.get("stream"):
        return None
    message = "Your organization must be verified to stream this model."
    return 400, {"error": {"message": message, "param": "stream", "code": "unsupported_value"}}


def _get_limit(request: Request) -> int:
    return int(request.get("max_completion_tokens") or request.get("max_tokens") or 100_000)


def _exhaust_limit(answer: str, request: Request) -> list[dict[str, Any]]:
    return [*_think(REASONING), *(write(answer) if _get_limit(request) > 2_000 else [])]


def _exhaust_limit_in_tags(answer: str, request: Request) -> list[dict[str, Any]]:
    closing = f"\n</think>\n\n{answer}" if _get_limit(request) > 2_000 else ""
    return write(f"<think>{REASONING}{closing}")


def _write_parts(answer: str, _request: Request) -> list[dict[str, Any]]:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": REASONING}]}
    return [{"content": [thinking]}, {"content": [{"type": "text", "text": answer}]}]


_USAGE = json.dumps(
    {"id": "1", "object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 9}}
)
_FILTER = json.dumps({"id": "", "object": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]})
HARMONY = f"<|channel|>analysis<|message|>{REASONING}<|end|><|start|>assistant<|channel|>final<|message|>%s<|return|>"

SERVERS: dict[str, ChatHabits] = {
    "ollama": ChatHabits(deltas=lambda answer, _request: [*_think(REASONING), *write(answer)]),
    "ollama, thinking in the text": ChatHabits(
        deltas=lambda answer, _request: write(f"<think>\n{REASONING}\n</think>\n\n{answer}")
    ),
    "vllm, gemma": ChatHabits(
        refuse=_refuse_system_role(
            400, {"object": "error", "message": "System role not supported", "param": None, "code": 400}
        )
    ),
    "vllm, deepseek without parser": ChatHabits(
        deltas=lambda answer, _request: write(f"{REASONING}\n</think>\n\n{answer}")
    ),
    "vllm, mistral 7b": ChatHabits(refuse=_refuse_alternation),
    "llama.cpp, gemma": ChatHabits(
        refuse=_refuse_system_role(500, {"error": {"message": "Jinja Exception: System role not supported"}})
    ),
    "lm studio, gpt-oss": ChatHabits(deltas=lambda answer, _request: write(HARMONY % answer)),
    "lm studio, gpt-oss without tokens": ChatHabits(
        deltas=lambda answer, _request: write(f"analysis{REASONING}assistantfinal{answer}")
    ),
    "lm studio, magistral": ChatHabits(
        deltas=lambda answer, _request: write(f"[THINK]{REASONING}[/THINK]{answer}")
    ),
    "openrouter, gpt-5": ChatHabits(
        refuse=_refuse_by_router,
        deltas=lambda answer, _request: [{"reasoning_details": [{"text": REASONING}]}, *write(answer)],
        before=(": OPENROUTER PROCESSING", ": OPENROUTER PROCESSING"),
        after=(f"data: {_USAGE}",),
    ),
    "azure, o4-mini": ChatHabits(
        refuse=_refuse_openai("temperature", "max_tokens"), before=(f"data: {_FILTER}",)
    ),
    "openai, o1-preview": ChatHabits(refuse=_refuse_first_reasoning_model),
    "openai, reasoning within the limit": ChatHabits(
        refuse=_refuse_openai("temperature", "max_tokens"),
        deltas=_exhaust_limit,
        finish_reason=lambda request: "stop" if _get_limit(request) > 2_000 else "length",
    ),
    "ollama, thinking within the limit": ChatHabits(
        deltas=_exhaust_limit_in_tags,
        finish_reason=lambda request: "stop" if _get_limit(request) > 2_000 else "length",
    ),
    "mistral": ChatHabits(refuse=_refuse_extra_inputs, deltas=_write_parts),
    "openai, organization not verified": ChatHabits(refuse=_refuse_streams),
    "gateway that buffers": ChatHabits(refuse=_refuse_without_reason, ignores_stream=True),
    "gateway that mixes two answers": ChatHabits(mixes=True),
    "model that thinks under a heading": ChatHabits(
        deltas=lambda answer, _request: write(f"**Thinking:** {REASONING}\n\n**Answer:** {answer}")
    ),
    "text generation inference": ChatHabits(finish_reason=lambda _request: "eos_token"),
    "old server": ChatHabits(refuse=_refuse_openai("max_completion_tokens", "max_tokens")),
    "refuses without reason": ChatHabits(refuse=_refuse_without_reason),
}


def stream_lines(habits: ChatHabits, answer: str, request: Request) -> Iterator[str]:
    """Yield the lines of an event stream."""
    yield from habits.before
    role: dict[str, Any] = {"role": "assistant", "content": ""}
    for delta in (role, *habits.deltas(answer, request)):
        yield f"data: {_build_chunk(delta, None)}"
        if habits.mixes:
            yield f"data: {_build_chunk({'content': 'SECRET [2]'}, None, index=1)}"
    if reason := habits.finish_reason(request):
        yield f"data: {_build_chunk({}, reason)}"
    yield from habits.after
    yield "data: [DONE]"


def build_document(habits: ChatHabits, answer: str, request: Request) -> dict[str, Any]:
    """Return a whole answer."""
    text = "".join(str(delta.get("content") or "") for delta in habits.deltas(answer, request))
    message = {"role": "assistant", "content": text, "reasoning_content": REASONING}
    choice = {"index": 0, "message": message, "finish_reason": habits.finish_reason(request)}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    document = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return document | {"usage": usage}


def _build_chunk(delta: Mapping[str, Any], finish_reason: str | None, index: int = 0) -> str:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(chunk)
