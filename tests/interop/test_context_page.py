"""The commands of docs/context.md, run by bash against a running server."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from memories import scopes
from memories.models import Memory
from picard.config.paths import PROJECT
from tests.factories import make_person, remember
from tests.interop.token_count import count_most_tokens
from tests.oauth.flows import API, access_token, make_app

pytestmark = pytest.mark.slow

PAGE = (PROJECT / "docs" / "context.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_commands_of_the_page_do_what_it_says(site: str, tmp_path: Path) -> None:
    ada = make_person("ada")
    pinned = remember(ada, "I am allergic to peanuts.", pinned=True)
    for number in range(40):
        memory = remember(ada, f"On day {number} we cooked rice with plums.", tags=["food"])
    token = access_token(ada, make_app(), scopes.READ, scopes.WRITE, resource=[site + API])

    def run(command: str) -> str:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path, env={**os.environ, "TOKEN": token, "SERVER": site},
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip

    short, conditional, asked, pin = map(run, COMMANDS)
    assert f'## Pinned\n- "I am allergic to peanuts." {pinned.pk}\n## "food"\n- "On day 39' in short
    counts = count_most_tokens([short.rstrip("\n"), asked.rstrip("\n")])
    assert (counts[0] <= 400, counts[1] <= 300) == (True, True)
    assert (conditional, (tmp_path / "unchanged.json").exists()) == ("304\n", False)
    context = json.loads((tmp_path / "context.json").read_text(encoding="utf-8"))
    assert (context["memories"][:2], len(context["memories"]) + context["omitted"]) == (
        [str(pinned.pk), str(memory.pk)], 41,
    )  # fmt: skip
    assert (pin, Memory.objects.filter(pinned=True).count()) == ("waits_for_yes\n", 1)
