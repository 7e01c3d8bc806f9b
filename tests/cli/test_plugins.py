"""The plugins for Claude Code and Codex: what they contain is there, of this version, and disturbs nobody."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from picard_memory.hooks.agents import AGENTS

from core.version import VERSION
from memories.mcp.tools import TOOLS
from tests.processes import PROJECT

PLUGIN = PROJECT / "plugin"
MARKETPLACES = (
    PROJECT / ".claude-plugin" / "marketplace.json",
    PROJECT / ".agents" / "plugins" / "marketplace.json",
)
COMMAND = json.loads((PLUGIN / "hooks" / "hooks.json").read_text())["hooks"]["Stop"][0]["hooks"][0]["command"]


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("agent", ["claude", "codex"])
def test_manifest_has_this_version_and_what_it_names(agent: str) -> None:
    manifest = load(PLUGIN / f".{agent}-plugin" / "plugin.json")
    assert (manifest["name"], manifest["version"]) == ("picard", VERSION)
    for name in ("skills", "hooks"):
        if name in manifest:
            assert (PLUGIN / manifest[name]).exists()


@pytest.mark.parametrize("path", MARKETPLACES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_marketplace_leads_to_the_plugin(path: Path) -> None:
    [entry] = load(path)["plugins"]
    source = entry["source"]
    assert (PROJECT / (source if isinstance(source, str) else source["path"])).samefile(PLUGIN)


def test_hooks_are_those_that_the_command_line_installs() -> None:
    hooks = load(PLUGIN / "hooks" / "hooks.json")["hooks"]
    assert set(hooks) == set(AGENTS["codex"].events) <= set(AGENTS["claude-code"].events)
    commands = {
        handler["command"] for groups in hooks.values() for group in groups for handler in group["hooks"]
    }
    assert commands == {COMMAND}


def test_hooks_do_nothing_without_the_command_line(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", COMMAND], env={"PATH": str(tmp_path)}, capture_output=True, check=False, input=b"{}"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_hooks_run_the_command_line(tmp_path: Path) -> None:
    program = tmp_path / "picard-memory"
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", COMMAND], env={"PATH": str(tmp_path)}, capture_output=True, check=True, input=b"{}"
    )
    assert done.stdout == b"hook run\n"


def test_skill_says_when_to_search_and_to_save() -> None:
    skill = (PLUGIN / "skills" / "memory" / "SKILL.md").read_text(encoding="utf-8")
    head, text = re.fullmatch(r"---\n(.*?)\n---\n(.*)", skill, re.DOTALL).groups()  # type: ignore[union-attr]
    assert re.search(r"^name: memory$", head, re.MULTILINE)
    assert len(head) < 1_024
    for heading in ("## When to search", "## When to save", "## What not to save"):
        assert heading in text
    assert set(re.findall(r"`(search|fetch|add_memory|get_context)`", text)) <= set(TOOLS)
