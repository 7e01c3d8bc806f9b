"""Hooks in the settings of agents: only what is ours is added and removed, whatever else is in the file."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from picard_memory.errors import ConfigurationError
from picard_memory.hooks.agents import AGENTS, Agent
from picard_memory.hooks.json_text import Node, parse_text
from picard_memory.hooks.settings import install_hooks, list_commands, uninstall_hooks

from tests.cli.conftest import RunCommand

COMMAND = "/opt/tools/bin/picard-memory hook run"
FILES = [
    None,
    "",
    "{}",
    "{ }",
    "{\n}\n",
    '{"a":1}',
    '{\n  "a": 1\n}\n',
    '{\n\t"a": 1,\n\t"hooks": {}\n}',
    '{\r\n  "a": 1\r\n}\r\n',
    '{\n  // mine\n  "a": 1, // yours\n  /* "hooks": {} */\n}\n',
    '{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"say done"}]}]},"z":[1,2,]}',
    '{\n    "hooks": {\n        "SessionStart": [],\n        "Stop": [\n            {"hooks": [{"command": "a, ]}"}]}\n'
    '        ]\n    },\n    "env": {"K": "\\u00e9 \\" {"}\n}',
    '\ufeff{"a": "é"}',
    '{"hooks":{"Stop":[ // nothing\n ]}}',
    '{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": []}],}}',
]


@pytest.fixture(params=sorted(AGENTS))
def agent(
    request: pytest.FixtureRequest, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Agent:
    agent = AGENTS[request.param]
    monkeypatch.setenv(agent.home_variable, str(tmp_path / "home"))
    return agent


def read_file(agent: Agent) -> bytes | None:
    return agent.path.read_bytes() if agent.path.exists() else None


def write_file(agent: Agent, text: str | None) -> None:
    agent.path.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        agent.path.unlink(missing_ok=True)
    else:
        agent.path.write_bytes(text.encode())


def load(text: str) -> Any:
    """Return the value of JSON with comments and trailing commas."""

    def convert(node: Node) -> Any:
        if node.kind == "object":
            return {str(item.key): convert(item) for item in node.items}
        return [convert(item) for item in node.items] if node.kind == "array" else node.value

    return convert(parse_text(text)) if text.strip() else {}


@pytest.mark.parametrize("text", FILES)
def test_uninstalling_restores_every_byte(agent: Agent, text: str | None) -> None:
    write_file(agent, text)
    before = read_file(agent)
    assert install_hooks(agent, COMMAND)
    assert list_commands(agent) == [COMMAND] * len(agent.events)
    hooks = load(agent.path.read_bytes().decode())["hooks"]
    assert all(hooks[event][-1]["hooks"][0]["command"] == COMMAND for event in agent.events)
    assert not install_hooks(agent, COMMAND)
    assert install_hooks(agent, f"{COMMAND} --marked-only")
    assert set(list_commands(agent)) == {f"{COMMAND} --marked-only"}
    assert uninstall_hooks(agent)
    assert read_file(agent) == before
    assert not uninstall_hooks(agent)


@pytest.mark.parametrize("text", FILES)
def test_what_others_changed_meanwhile_stays(agent: Agent, text: str | None) -> None:
    expected = {**load((text or "").lstrip("\ufeff")), "theme": {"dark": True}}
    for form in ("rewritten", "put first"):
        write_file(agent, text)
        install_hooks(agent, COMMAND)
        installed = agent.path.read_bytes().decode()
        if form == "rewritten":
            changed = {**load(installed.lstrip("\ufeff")), "theme": {"dark": True}}
            agent.path.write_text(json.dumps(changed, indent=4))
        else:
            brace = installed.index("{") + 1
            write_file(agent, f'{installed[:brace]}"theme": {{"dark": true}},{installed[brace:]}')
        assert uninstall_hooks(agent)
        left = agent.path.read_bytes().decode()
        assert load(left.lstrip("\ufeff")) == expected
        if form == "put first" and not (text or "").rstrip("}\n ").endswith(","):
            assert left.count(",}") == 0


def test_hooks_of_another_computer_are_removed_without_a_record(agent: Agent, config: Path) -> None:
    write_file(agent, '{"a": 1}')
    install_hooks(agent, "C:\\Tools\\picard-memory.exe --profile work hook run")
    for path in (config / "hooks").iterdir():
        path.unlink()
    assert uninstall_hooks(agent)
    assert load(agent.path.read_text()) == {"a": 1}


def test_any_order_of_installing_and_other_edits_keeps_the_rest(agent: Agent) -> None:
    chance = random.Random(7)
    for _round in range(12):
        value = build_value(chance, 3)
        write_file(agent, json.dumps(value, indent=chance.choice([None, 1, 4, "\t"])))
        before = read_file(agent)
        install_hooks(agent, COMMAND)
        if chance.random() < 0.5:
            uninstall_hooks(agent)
            assert read_file(agent) == before
        else:
            agent.path.write_text(json.dumps(load(agent.path.read_text()), indent=chance.choice([None, 2])))
            uninstall_hooks(agent)
            assert load(agent.path.read_text()) == value


def build_value(chance: random.Random, depth: int) -> dict[str, Any]:
    def build(level: int) -> Any:
        kind = chance.choice("nosal" if level else "ns")
        if kind == "o":
            return {f"k{number}": build(level - 1) for number in range(chance.randrange(3))}
        if kind in "al":
            return [build(level - 1) for _ in range(chance.randrange(3))]
        return (
            chance.choice([1, -2.5, True, None]) if kind == "n" else chance.choice(["", "a\\b", '"[{', "é\n"])
        )

    value = {f"m{number}": build(depth) for number in range(chance.randrange(4))}
    if chance.random() < 0.5:
        events = chance.sample(["Stop", "SessionStart", "AfterAgent", "Other"], 2)
        value["hooks"] = {event: [{"hooks": [{"command": "x"}]}][: chance.randrange(2)] for event in events}
    return value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":}',
        "[]",
        '{"a": 1',
        "{'a': 1}",
        '{"hooks": []}',
        '{"hooks": {"SessionStart": {}}}',
        '{"a" 1}',
        "{,}",
    ],
)
def test_invalid_settings_are_an_error_and_stay(agent: Agent, text: str) -> None:
    write_file(agent, text)
    with pytest.raises(ConfigurationError, match="Nothing was changed"):
        install_hooks(agent, COMMAND)
    assert read_file(agent) == text.encode()


def test_links_and_modes_stay(agent: Agent, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_text('{"a": 1}')
    target.chmod(0o640)
    agent.path.parent.mkdir(parents=True)
    agent.path.symlink_to(target)
    install_hooks(agent, COMMAND)
    assert agent.path.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    uninstall_hooks(agent)
    assert target.read_text() == '{"a": 1}'


def test_commands_say_where_and_how_it_is(agent: Agent, run: RunCommand) -> None:
    assert "not installed" in run("hook", "status", agent.name).output
    installed = run("hook", "install", agent.name)
    assert installed.code == 0
    assert str(agent.path) in installed.output
    assert "picard login" in installed.errors
    assert (agent.note in installed.errors) == bool(agent.note) or not agent.note
    assert ": installed" in run("hook", "status", agent.name).output
    assert "already" in run("hook", "install", agent.name).output
    assert "removed" in run("hook", "uninstall", agent.name).output
    assert not agent.path.exists()
    assert run("hook", "install", "emacs").code == 2
