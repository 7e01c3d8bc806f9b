"""What coding agents are told and remember: rules files and memory folders, in Markdown.

Sources: the documentation of Claude Code (CLAUDE.md, auto memory), Codex (AGENTS.md, memories), Gemini CLI (GEMINI.md
with its "Gemini Added Memories"), Cursor (.cursor/rules/*.mdc with description and globs), Windsurf, GitHub Copilot
(applyTo), Cline (memory bank), Kiro (steering), Junie, Roo and OpenClaw (USER.md, memory/).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from django.utils.translation import gettext_lazy

from memories.portability.files.parts import Part
from memories.portability.files.streams import read_text
from memories.portability.readers.formats import Format, PartStart, ReadContext
from memories.portability.readers.items import ImportItem, ReadResult, SkippedEntry
from memories.portability.readers.texts.agents.blocks import read_blocks
from memories.portability.readers.texts.agents.properties import get_text, split_properties
from memories.portability.readers.times import pick_time

RULE_NAMES = frozenset({
    "claude.md", "claude.local.md", "agents.md", "agents.override.md", "agent.md", "gemini.md", "qwen.md", "crush.md",
    "warp.md", "conventions.md", "copilot-instructions.md", ".cursorrules", ".windsurfrules", ".clinerules",
    ".roorules", ".goosehints", ".rules", ".augment-guidelines", "global_rules.md",
})  # fmt: skip
RULE_FOLDERS = re.compile(
    r"(?:^|/)(?:\.cursor/(?:rules|memories)|\.windsurf/(?:rules|memories)|\.clinerules|\.roo/rules[\w-]*|\.kiro/steering|"
    r"\.junie|\.continue/rules|\.github/instructions|\.claude/(?:rules|memory)|\.claude/projects/[^/]+/memory|"
    r"\.codex/memories(?:/rollout_summaries)?|\.gemini/memory|\.augment/rules|\.trae/rules|\.amazonq/rules|"
    r"\.serena/memories|memory-bank|\.openclaw/workspace(?:/memory)?)/[^/]+\.(?:md|mdc|txt)$"
)
BANK_NAMES = frozenset({
    "projectbrief.md", "productcontext.md", "activecontext.md", "systempatterns.md", "techcontext.md",
})  # fmt: skip
MEMORY_NAMES = frozenset({"memory.md", "memory_summary.md", "raw_memories.md", "user.md"})
AGENT_NAMES = frozenset({"soul.md", "identity.md", "heartbeat.md", "bootstrap.md"})  # about the agent itself
WORKSPACE_NAMES = frozenset({"agents.md", "soul.md", "memory.md"})
# Titles that only say what file it is.
FILE_TITLES = re.compile(
    r"(?:(?:claude|agents?|gemini|copilot|cursor|memory|memories|user|project|global|custom|coding|repository|codebase|"
    r"personal|my|the|auto|instructions?|guidelines?|rules|index|notes|overview|context|preferences|about|for|and|of|"
    r"code|md|file|bank|brief|summary|your|human|added)[\W_]*)+",
    re.IGNORECASE,
)
GEMINI_HEADING = re.compile(r"^## Gemini Added Memories[ \t]*$", re.MULTILINE)
INDEX_LINE = re.compile(r"\s*[-*]\s+\[(?P<title>[^\]]+)\]\((?P<file>[^)\s]+\.md)\)\s*[-–—:]*\s*(?P<hook>.*)")


def _is_agent_file(start: PartStart) -> bool:
    name, path = start.base_name, start.path
    if not start.is_text or not start.text or name in AGENT_NAMES:
        return start.is_text and name in AGENT_NAMES and _is_in_workspace(start)
    if name in RULE_NAMES or start.suffix == ".mdc" or RULE_FOLDERS.search(path):
        return True
    if name in BANK_NAMES or (name == "progress.md" and _has_beside(start, BANK_NAMES)):
        return True
    return name in MEMORY_NAMES and (name != "user.md" or _is_in_workspace(start))


def _is_in_workspace(start: PartStart) -> bool:
    return _has_beside(start, WORKSPACE_NAMES)


def _has_beside(start: PartStart, names: frozenset[str]) -> bool:
    folder = PurePosixPath(start.path).parent
    return any((folder / name).as_posix() in start.parts for name in names if name != start.base_name)


def _read_agent_file(part: Part, context: ReadContext) -> Iterator[ReadResult]:
    """Read each rule or block as a memory, led by its headings and by what the file is for."""
    if part.base_name in AGENT_NAMES:
        yield SkippedEntry("of_an_agent")
        return
    properties, body = split_properties(read_text(part))
    body = GEMINI_HEADING.sub("", body)
    if part.base_name in MEMORY_NAMES and any(map(INDEX_LINE.fullmatch, body.split("\n"))):
        yield from _read_index(part, body, context)
        return
    created_at, notes = pick_time(
        [properties.get(key) for key in ("date", "created", "created_at", "updated")], context.zone
    )
    for result in read_blocks(body, context.zone, lead=_describe(part, properties), drop_title=FILE_TITLES):
        if isinstance(result, ImportItem) and result.created_at is None:
            yield replace(result, created_at=created_at, notes=(*result.notes, *notes))
        else:
            yield result


def _describe(part: Part, properties: dict[str, object]) -> str:
    """Return what a file of rules is for: its description, and the files that it is about."""
    description = get_text(properties, "description") or get_text(properties, "title")
    globs = get_text(properties, "globs") or get_text(properties, "applyTo") or get_text(properties, "paths")
    if globs in ("*", "**", "**/*"):
        globs = ""
    if part.suffix == ".mdc" and not description and globs:
        description = part.stem.replace("-", " ")
    return f"{description} ({globs})" if description and globs else description or globs


def _read_index(part: Part, body: str, context: ReadContext) -> Iterator[ReadResult]:
    """Read an index of memory files: a line whose file is there too says nothing more."""
    folder = PurePosixPath(part.path).parent
    rest: list[str] = []
    known = 0
    for line in body.split("\n"):
        match = INDEX_LINE.fullmatch(line)
        if match and (folder / match["file"].lower()).as_posix() in context.parts:
            known += 1
        elif match:
            rest.append(f"- {': '.join(filter(None, (match['title'], match['hook'].strip())))}")
        else:
            rest.append(line)
    if known:
        yield SkippedEntry("same_content", known)
    for result in read_blocks("\n".join(rest), context.zone, drop_title=FILE_TITLES):
        if not isinstance(result, SkippedEntry) or result.reason != "blank":  # its headings lead to files
            yield result


AGENT_FILE = Format(
    "agent_rules",
    gettext_lazy("Rules and memories of a coding agent"),
    _is_agent_file,
    _read_agent_file,
)
