"""The agents whose hooks can be installed: where their settings are, and which events they know."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

TIMEOUT_S = 15  # the hooks themselves take less: see capture.py


@dataclass(frozen=True)
class Agent:
    """An agent.

    home_variable: the environment variable with the folder of `file`, by default `folder` in the home folder.
    events: those in which the agent calls `picard hook run`. timeout: of a hook, in the unit of its settings.
    note: what the user must do after installing.
    """

    name: str
    title: str
    home_variable: str
    folder: str
    file: str
    events: tuple[str, ...]
    timeout: int = TIMEOUT_S
    note: str = ""

    @property
    def path(self) -> Path:
        """The file with the hooks of the user, in the folder that the agent itself would use."""
        home = os.environ.get(self.home_variable)
        return (Path(home) if home else Path.home() / self.folder) / self.file

    def build_groups(self, command: str) -> dict[str, dict[str, object]]:
        """Return the group of hooks to add to each event."""
        handler = {"type": "command", "command": command, "timeout": self.timeout}
        return {event: {"hooks": [handler]} for event in self.events}


AGENTS: Mapping[str, Agent] = MappingProxyType(
    {
        agent.name: agent
        for agent in (
            Agent(
                "claude-code", "Claude Code", "CLAUDE_CONFIG_DIR", ".claude", "settings.json",
                ("SessionStart", "Stop", "PreCompact", "SessionEnd"),
            ),
            Agent(
                "codex", "Codex", "CODEX_HOME", ".codex", "hooks.json", ("SessionStart", "Stop", "PreCompact"),
                note="Codex runs new hooks only after you have trusted them: start codex and type /hooks.",
            ),
            Agent(
                "gemini", "Gemini CLI", "GEMINI_CLI_HOME", "", ".gemini/settings.json",
                ("SessionStart", "AfterAgent"), timeout=TIMEOUT_S * 1000,
            ),
        )
    }
)  # fmt: skip
