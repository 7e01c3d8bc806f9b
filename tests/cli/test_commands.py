"""Commands against the running product."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from picard_memory import answers, pages

from accounts.models import User
from memories import scopes
from memories.models import Memory
from oauth.access import grants
from oauth.models import AppGrant
from tests.cli.conftest import RunCommand
from tests.factories import make_person
from tests.oauth.flows import access_token, make_app
from tests.processes import PROJECT

UNKNOWN = "019c1f0e-8a70-7c3e-9d41-5b7a2f6c1e90"


def list_texts(run: RunCommand, *options: str) -> list[str]:
    result = run("list", "--json", "--all", *options)
    assert result.code == 0, result.errors
    return [json.loads(line)["text"] for line in result.output.splitlines()]


def add(run: RunCommand, *arguments: str, stdin: str | bytes = "") -> str:
    """Add a memory and return its ID."""
    result = run("add", *arguments, stdin=stdin)
    assert result.code == 0, result.errors
    return result.output.strip()


def test_a_text_is_added_found_changed_and_removed(logged_in: RunCommand) -> None:
    memory_id = add(logged_in, "I am allergic to", "peanuts.", "-t", "food", "--expires", "2999-01-31")
    found = logged_in("search", "what must I not eat?", "peanuts")
    assert found.output.startswith(f"{memory_id}  ")
    assert "I am allergic to peanuts.  #food" in found.output
    assert "peanuts" in logged_in("ask", "What am I allergic to?").output
    assert logged_in("edit", memory_id, "I am allergic to nuts.", "-t", "health", "--untag", "FOOD").code == 0
    shown = logged_in("show", memory_id)
    assert shown.output == "I am allergic to nuts.\n"
    assert "tags: health" in shown.errors
    assert "expires: 2999-01-31 23:59" in shown.errors
    assert logged_in("rm", memory_id).code == 0
    assert logged_in("show", memory_id).code == 3
    assert list_texts(logged_in) == []


def test_pipes_lead_in_and_out(logged_in: RunCommand) -> None:
    log = "commit 1\n\n    Fix the door\n"
    add(logged_in, "-", "-t", "log", stdin=log)
    add(logged_in, stdin="\ufeffÜber mich: 🎂\r\n".encode())
    result = logged_in("add", "--lines", "-t", "list", stdin="one\n\n  two \nthree\n")
    assert len(result.output.split()) == 3
    assert list_texts(logged_in) == ["three", "two", "one", "Über mich: 🎂", log.strip("\n")]
    assert list_texts(logged_in, "-t", "list", "--any-tag", "log") == []
    assert list_texts(logged_in, "--any-tag", "LIST", "--any-tag", "log", "--since", "1d")[-1] == log.strip(
        "\n"
    )
    assert list_texts(logged_in, "--until", "1d") == []


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"caf\xe9", "not UTF-8"),
        ("x" * 8001, "8,000"),
        (" \n", "text:"),
        ("a\0b", "null"),
    ],
    ids=["encoding", "length", "blank", "null"],
)
def test_what_cannot_be_a_memory_is_refused_with_the_reason(
    logged_in: RunCommand, stdin: str | bytes, message: str
) -> None:
    result = logged_in("add", "-", stdin=stdin)
    assert result.code == 1
    assert message.lower() in result.errors.lower()
    assert list_texts(logged_in) == []


def test_a_line_that_is_refused_does_not_lose_the_others(logged_in: RunCommand) -> None:
    result = logged_in("add", "--lines", stdin=f"one\n{'x' * 8001}\nthree\n")
    assert result.code == 1
    assert len(result.output.split()) == 2
    assert list_texts(logged_in) == ["three", "one"]


def test_wrong_usage_and_missing_memories_have_their_exit_codes(logged_in: RunCommand) -> None:

    memory_id = add(logged_in, "I run.")
    assert logged_in("add", "--expires", "soon", "x").code == 2
    assert logged_in("nonsense").code == 2
    assert logged_in("edit", memory_id).code == 2
    assert logged_in("add", "x", "--expires", "2020-01-01").code == 1
    assert logged_in("list", "-t", "nothing").code == 3
    assert logged_in("edit", UNKNOWN, "text").code == 3
    removed = logged_in("rm", UNKNOWN, memory_id)
    assert (removed.code, UNKNOWN in removed.errors) == (3, True)
    assert list_texts(logged_in) == []


def test_the_same_text_is_saved_once_if_wanted(logged_in: RunCommand) -> None:
    first = add(logged_in, "I run.")
    assert add(logged_in, "I run.", "--once", "-t", "sport") == first
    assert add(logged_in, "I run.") != first


def test_control_characters_of_a_memory_do_not_reach_the_terminal(logged_in: RunCommand) -> None:
    memory_id = add(logged_in, "\x1b[2J\x1b]0;owned\x07 I \x9b31m run \u202egnp.exe")
    for command in (["list"], ["show", memory_id], ["search", "run"], ["list", "--json"]):
        output = logged_in(*command).output
        assert not {"\x1b", "\x07", "\x9b"} & set(output), command
    assert "\u202e" not in logged_in("show", memory_id).output


def test_a_change_that_needs_approval_says_so(run: RunCommand, site: str, eve: User) -> None:
    app = make_app()
    token = access_token(eve, app, resource=[f"{site}/api"])
    AppGrant.objects.filter(user=eve).update(asks_first=True)
    assert run("login", site, "--token", stdin=token).code == 0
    result = run("add", "I run.")
    assert result.code == 0
    assert f"This needs your approval: {site}{pages.REVIEW}" in result.errors
    assert list_texts(run) == []
    lines = run("add", "--lines", stdin="one\ntwo\n")
    assert "2 need your approval" in lines.errors
    assert len(lines.output.split()) == 2


def test_a_login_that_may_only_read_cannot_write(run: RunCommand, site: str, eve: User) -> None:
    token = access_token(eve, make_app(), scopes.READ, resource=[f"{site}/api"])
    assert run("login", site, "--token", stdin=token).code == 0
    result = run("add", "I run.")
    assert result.code == 4
    assert "memories:write" in result.errors


def test_a_login_of_one_tag_sees_only_it(logged_in: RunCommand, site: str, eve: User) -> None:
    add(logged_in, "I run.", "-t", "sport")
    add(logged_in, "I earn 100.", "-t", "work")
    grant = AppGrant.objects.get(user=eve)
    [line] = logged_in("list", "-t", "sport", "--json").output.splitlines()
    tag = Memory.objects.get(pk=json.loads(line)["id"]).tags.get()
    options = grants.GrantOptions(frozenset(grant.scopes), frozenset([tag.pk]))
    grants.update_grant(grant, options)
    assert list_texts(logged_in) == ["I run."]
    assert "100" not in logged_in("search", "earn 100").output
    assert "only memories tagged sport" in logged_in("status").output


@pytest.mark.parametrize("end", ["revoked", "expired", "paused", "ended"])
def test_the_next_call_after_the_access_ended_exits_with_4(
    logged_in: RunCommand, eve: User, end: str
) -> None:
    grant = AppGrant.objects.get(user=eve)
    if end == "revoked":
        grants.revoke_grant(grant)
    elif end == "paused":
        grants.pause_grant(grant)
    elif end == "ended":
        AppGrant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
    else:
        grant.application.accesstoken_set.update(expires=timezone.now() - timedelta(seconds=1))
    for command in (["list"], ["add", "x"], ["search", "x"], ["status"], ["rm", UNKNOWN], ["export"]):
        result = logged_in(*command)
        assert result.code == 4, (command, result)
        assert result.output == ""
    assert {
        "paused": "resume it under Apps",
        "expired": "expired",
        "ended": "connect it again",
        "revoked": "revoked",
    }[end] in result.errors


def test_a_server_that_is_down_exits_with_5(
    run: RunCommand, unused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "FIRST_WAIT_S", 0.01)
    result = run("login", unused_url, "--token", stdin="a-token")
    assert result.code == 5
    assert unused_url in result.errors


def test_an_export_is_imported_again(logged_in: RunCommand, site: str, eve: User, tmp_path: Path) -> None:
    older = add(logged_in, "I live in Oslo.", "-t", "home")
    newer = add(logged_in, "I live in Bergen.", "--supersedes", older)
    path = tmp_path / "export.jsonl"
    exported = logged_in("export", "-o", str(path))
    assert exported.code == 0
    assert "memories:admin" in exported.errors
    assert path.stat().st_mode & 0o077 == 0
    denied = logged_in("import", str(path))
    assert denied.code == 4
    assert f"picard login {site} --token" in denied.errors
    app = make_app("Mover")
    token = access_token(eve, app, scopes.READ, scopes.WRITE, scopes.ADMIN, resource=[f"{site}/api"])
    assert logged_in("login", site, "--token", "--name", "mover", stdin=token).code == 0
    complete = logged_in("export").output
    assert len(complete.splitlines()) == 2
    assert '"history"' in complete
    Memory.objects.filter(owner=eve).delete()
    preview = logged_in("import", "--preview", str(path))
    assert "2 new" in preview.errors
    assert list_texts(logged_in) == []
    result = logged_in("import", str(path))
    assert result.output == "Imported 2 new and 0 changed memories.\n", result.errors
    assert sorted(list_texts(logged_in)) == ["I live in Bergen.", "I live in Oslo."]
    [old] = json.loads(f"[{logged_in('list', '-t', 'home', '--json').output}]")
    assert old["superseded_by"] != newer
    assert old["superseded_by"] is not None
    assert "0 new" in logged_in("import", str(path)).errors


@pytest.mark.skipif(os.name != "posix", reason="links and pipes are those of POSIX")
def test_an_export_replaces_neither_devices_nor_links(logged_in: RunCommand, tmp_path: Path) -> None:
    add(logged_in, "I run.")
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "other" / "target"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    assert logged_in("export", "-o", str(pipe)).code == 0
    assert "I run." in reader.communicate(timeout=30)[0]
    assert pipe.is_fifo()
    target.parent.mkdir()
    link.symlink_to(target)
    for _ in range(2):
        assert logged_in("export", "-o", str(link)).code == 0
        assert link.is_symlink()
        assert "I run." in target.read_text()


def test_a_folder_and_standard_input_are_imported(
    run: RunCommand, site: str, eve: User, tmp_path: Path
) -> None:
    token = access_token(eve, make_app(), scopes.READ, scopes.WRITE, scopes.ADMIN, resource=[f"{site}/api"])
    assert run("login", site, "--token", stdin=token).code == 0
    notes = tmp_path / "notes"
    (notes / "Garden").mkdir(parents=True)
    (notes / "Garden" / "roses.md").write_text("Roses need sun.")
    (notes / "tools.md").write_text("The spade is in the shed.")
    assert run("import", str(notes)).code == 0
    assert run("import", "-", stdin="- I run.\n- I swim.\n").code == 0
    texts = "\n".join(list_texts(run))
    assert all(each in texts for each in ("Roses need sun", "spade", "I run.", "I swim."))
    missing = run("import", str(tmp_path / "missing.md"))
    assert (missing.code, "missing.md" in missing.errors) == (1, True)


def test_an_output_of_another_encoding_lacks_characters_but_no_memory(
    logged_in: RunCommand, config: Path
) -> None:
    add(logged_in, "I like 漢字.")
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "cli" / "src"), "PYTHONIOENCODING": "cp1252"}
    shown = [
        subprocess.run(
            [sys.executable, "-m", "picard_memory", "list", *options],
            env=environment, capture_output=True, check=True, encoding="cp1252",
        ).stdout
        for options in ([], ["--json"])
    ]  # fmt: skip
    assert "I like ??." in shown[0]
    assert json.loads(shown[1])["text"] == "I like 漢字."


def test_a_user_without_a_name_is_called_by_their_handle(run: RunCommand, site: str) -> None:
    user = make_person("zoe")
    User.objects.filter(pk=user.pk).update(display_name="")
    token = access_token(user, make_app("Shell"), resource=[f"{site}/api"])
    assert f"as @{user.handle} (" in run("login", site, "--token", stdin=token).errors
    assert f"User    @{user.handle}\n" in run("status").output


@pytest.mark.parametrize("token", ["secret\nsecret", "sécret", "secret secret"])
def test_what_cannot_be_a_token_is_not_shown(
    run: RunCommand, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICARD_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("PICARD_TOKEN", token)
    result = run("list")
    assert result.code == 2
    assert "not an access token" in result.errors
    assert "cret" not in result.errors


@pytest.mark.parametrize(
    ("variable", "value"),
    [("ALL_PROXY", "gopher://127.0.0.1:9"), ("ALL_PROXY", "http://[::"), ("SSL_CERT_FILE", "/nowhere")],
)
def test_an_invalid_proxy_or_certificate_is_a_setting_to_mend(
    logged_in: RunCommand, site: str, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    for command in (["list"], ["login", site]):
        result = logged_in(*command)
        assert result.code == 2, result
        assert variable in result.errors


def test_a_short_list_reads_no_more_than_it_shows(logged_in: RunCommand) -> None:
    for number in range(5):
        add(logged_in, f"Fact {number}")
    assert len(logged_in("list", "-n", "2").output.splitlines()) == 2
    [event] = [line for line in logged_in("apps").output.splitlines() if "memory:list" in line]
    assert event.endswith("memory:list  2")


def test_apps_shows_what_this_log_in_did_and_where_the_others_are(logged_in: RunCommand, site: str) -> None:
    add(logged_in, "I run.")
    result = logged_in("apps")
    assert "memory:create  1" in result.output
    assert f"{site}{pages.APPS}" in result.errors


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(run: RunCommand, shell: str) -> None:
    assert "_PICARD_COMPLETE" in run("completion", shell).output


def test_the_context_has_what_was_saved_within_its_bound(logged_in: RunCommand) -> None:
    memory_id = add(logged_in, "I am allergic to peanuts.", "-t", "food")
    assert "I am allergic to peanuts." in logged_in("context").output
    context = json.loads(logged_in("context", "--max-tokens", "300", "-q", "food", "--json").output)
    assert context["memories"] == [memory_id]
    assert context["token_count"] <= context["max_tokens"] == 300
    assert logged_in("context", "--max-tokens", "0").code == 2


def test_a_pin_of_an_app_waits_for_approval(logged_in: RunCommand) -> None:
    memory_id = add(logged_in, "I am allergic to peanuts.")
    result = logged_in("edit", memory_id, "--pin")
    assert result.code == 0
    assert "needs your approval" in result.errors
    assert list_texts(logged_in, "--pinned") == []
