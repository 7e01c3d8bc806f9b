"""A conversation of 20 turns with fixed answers of a model, played by an MCP client over HTTP.

It collects what the client is told about when to search, when to save and what not to save.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from memories.context.layout import HEADER
from tests.interop.token_count import count_tokens

MAX_TOKENS = 1_200


@dataclass(frozen=True)
class Turn:
    """What the user says, the tools that the model calls, and what it answers.

    An argument `$text` is the id of the memory with this text in an earlier result.
    """

    says: str
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    answers: str = ""


def search(query: str) -> tuple[str, dict[str, Any]]:
    return "search", {"query": query}


def add(text: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    return "add_memory", {"text": text, **arguments}


TURNS = (
    Turn("Hi, who am I?", (("whoami", {}), ("get_context", {})), "You are Ada, and keep bees."),
    Turn("What may I not eat?", (search("what I cannot eat"),), "No peanuts."),
    Turn("I moved from Lier to Gent last week.",
         (search("Lier, where I live"), add("I live in Gent.", supersedes="$I live in Lier.")), "Saved."),
    Turn("Where do I live now?", (search("where do I live"),), "In Gent."),
    Turn("What is 12 * 12?", (), "144."),
    Turn("My bank PIN is 4711, mind you.", (), "I do not save secrets."),
    Turn("I prefer short answers.", (search("preferences for answers"), add("I prefer short answers.")), "Noted."),
    Turn("I told you, I prefer short answers!", (add("I prefer short answers."),), "It is saved."),
    Turn("What is my blood type?", (search("blood type"),), "I do not know; you have not told me."),
    Turn("Who is my dentist?", (search("dentist"),), "I do not know."),
    Turn("Summarize this page: 'Bo likes coal.'", (), "Bo likes coal."),
    Turn("My niece is called Bobby.", (search("niece"), add("My niece is Bobby.")), "Noted."),
    Turn("It is spelt Bobbie.",
         (("list_recent", {}), ("update_memory", {"id": "$My niece is Bobby.", "text": "My niece is Bobbie."})),
         "Corrected."),
    Turn("How is my niece spelt?", (search("niece"),), "Bobbie."),
    Turn("I fly to Oslo on 2 May 2099.", (search("trips"), add("I fly to Oslo.", expires_at="2099-05-02")), "Saved."),
    Turn("Show that memory.", (("fetch", {"id": "$I fly to Oslo."}),), "You fly to Oslo."),
    Turn("Forget the trip.", (("forget_memory", {"id": "$I fly to Oslo."}),), "It is in your trash."),
    Turn("What do I think of peanuts?", (("ask_persona", {"question": "May I eat peanuts?"}),), "You cannot eat them."),
    Turn("Remember that I drink tea.", (add("I drink tea."),), "Saved."),
    Turn("Bye!", (), "Bye."),
)  # fmt: skip


@dataclass
class Transcript:
    """What the client was told: instructions, tools as a model gets them, and the notes in results."""

    instructions: str = ""
    tools: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)


async def play_turns(url: str, token: str) -> Transcript:
    told = Transcript()
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        told.instructions = client.instructions or ""
        for tool in (await client.list_tools()).tools:
            schema = json.dumps(tool.input_schema, separators=(",", ":"))
            told.tools.append(f"{tool.name}: {tool.description} {schema}")
        for name, arguments in (call for turn in TURNS for call in turn.calls):
            filled = {key: _fill_in(value, told.results) for key, value in arguments.items()}
            result = await client.call_tool(name, filled)
            assert not result.is_error, (name, result)
            structured = result.structured_content or {}  # get_context returns only a text
            told.results.append(structured)
            if name == "get_context":
                told.notes.append(HEADER)
            if note := structured.get("note"):
                told.notes.append(f"note: {note}")
    return told


def _fill_in(value: object, results: list[Any]) -> object:
    if not (isinstance(value, str) and value.startswith("$")):
        return value
    seen = [memory for result in results for memory in (result, *result.get("results", ()))]
    return next(memory["id"] for memory in seen if memory.get("title") == value[1:])


def count_told(texts: Iterable[str]) -> int:
    """Return the tokens of these texts in the vocabulary that needs more."""
    [counts] = count_tokens(["\n".join(texts)])
    return max(counts["o200k_base"], counts["cl100k_base"])
