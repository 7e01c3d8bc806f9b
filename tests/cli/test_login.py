"""Log-ins by code (device flow) and by token, their refresh, and their end, at the running product."""

import dataclasses
import itertools
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import picard_memory
import pytest
from django.urls import resolve
from django.utils import timezone
from picard_memory import Picard, answers, oauth, pages, profiles
from picard_memory.answers import now

from accounts.models import User
from memories import scopes
from oauth.access import grants
from oauth.models import AppGrant, Application
from oauth.tokens.families import AccessToken
from tests.cli.conftest import Run, RunCommand
from tests.oauth.device.devices import answer

Approve = Callable[..., None]


@pytest.fixture
def waits_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the log-in waited before each poll; the waits take no time."""
    waits_s: list[float] = []
    monkeypatch.setattr("picard_memory.oauth.time.sleep", waits_s.append)
    return waits_s


@pytest.fixture
def answer_with(monkeypatch: pytest.MonkeyPatch, waits_s: list[float]) -> Approve:
    """Let a user answer the next log-in with these choices while the program waits."""

    def answer_next(user: User, **choices: Any) -> None:
        start, codes = oauth.start_device_flow, itertools.count()

        def start_device_flow(*arguments: object) -> oauth.DeviceAuthorization:
            device = start(*arguments)  # type: ignore[arg-type]

            def sleep(seconds: float) -> None:
                waits_s.append(seconds)
                if next(codes) == 0:
                    response = answer(user, device.user_code, **choices)
                    assert response.status_code == 302, response.content

            monkeypatch.setattr("picard_memory.oauth.time.sleep", sleep)
            return device

        monkeypatch.setattr(oauth, "start_device_flow", start_device_flow)

    return answer_next


@pytest.fixture
def connected(run: RunCommand, site: str, eve: User, answer_with: Approve) -> RunCommand:
    """Run a command with a log-in by code."""
    answer_with(eve)
    result = run("login", site)
    assert result.code == 0, result.errors
    return run


def load_only_profile() -> profiles.Profile:
    [name] = profiles.list_profiles()
    return profiles.load_profile(name)


def expire_access_token() -> None:
    """Let the access token expire, at the server and for the program."""
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    profile = load_only_profile()
    assert profile.credentials is not None
    old = profiles.Credentials(profile.credentials.access_token, profile.credentials.refresh_token, 1.0)
    profiles.save_profile(profiles.replace_credentials(profile, old))


def test_a_log_in_needs_no_browser_on_this_computer(
    run: RunCommand, site: str, eve: User, answer_with: Approve, config: Path
) -> None:
    answer_with(eve)
    result = run("login", site)
    assert result.code == 0, result.errors
    assert f"Open {site}/device/ on any computer or phone" in result.errors
    assert f"Logged in to {site} as {eve.display_name}" in result.errors
    assert run("add", "I run.").code == 0
    stored = load_only_profile()
    assert stored.credentials is not None
    assert stored.credentials.refresh_token is not None
    secrets = (stored.credentials.access_token, stored.credentials.refresh_token)
    assert not any(secret in result.output + result.errors for secret in secrets)
    assert AppGrant.objects.get(user=eve).application.name.startswith("Picard CLI on ")


def test_the_user_limits_a_log_in_as_any_app(
    run: RunCommand, site: str, eve: User, answer_with: Approve
) -> None:
    answer_with(eve, scopes=[scopes.READ], asks_first="on")
    assert run("login", site).code == 0
    assert run("add", "I run.").code == 4
    status = run("status").output
    assert "memories:read" in status
    assert "memories:write" not in status


def test_a_log_in_can_request_less(run: RunCommand, site: str, eve: User, answer_with: Approve) -> None:
    answer_with(eve, scopes=[scopes.READ])
    assert run("login", site, "--read-only").code == 0
    assert AppGrant.objects.get(user=eve).scopes == [scopes.READ]


def test_a_declined_log_in_stores_nothing(
    run: RunCommand, site: str, eve: User, answer_with: Approve
) -> None:
    answer_with(eve, answer="decline")
    result = run("login", site)
    assert result.code == 4
    assert "declined" in result.errors
    assert profiles.list_profiles() == []


def test_a_code_that_nobody_enters_expires(
    run: RunCommand, site: str, waits_s: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Polls come too fast here, so the server says slow_down, and each wait is longer."""
    monkeypatch.setattr(oauth, "now", lambda: now() + 100 * len(waits_s))
    result = run("login", site)
    assert result.code == 4
    assert "expired" in result.errors
    assert waits_s == sorted(waits_s)
    assert waits_s[-1] > waits_s[0]


def test_another_log_in_of_this_computer_is_the_same_app(
    connected: RunCommand, site: str, eve: User, answer_with: Approve
) -> None:
    first = load_only_profile()
    answer_with(eve)
    assert connected("login", site).code == 0
    assert load_only_profile().client_id == first.client_id
    assert first.credentials is not None
    with pytest.raises(picard_memory.NoAccessError), Picard(site, first.credentials.access_token) as picard:
        picard.whoami()
    assert connected("list").code == 0
    assert AppGrant.objects.filter(user=eve).count() == 1
    Application.objects.all().delete()  # as after a week without use
    answer_with(eve)
    assert connected("login", site).code == 0
    assert load_only_profile().client_id != first.client_id
    Application.objects.all().delete()
    assert connected("logout").code == 0


def test_an_expired_token_is_renewed(connected: RunCommand) -> None:
    expire_access_token()
    before = load_only_profile()
    assert connected("list").code == 0
    after = load_only_profile()
    assert after.credentials is not None
    assert before.credentials is not None
    assert after.credentials.refresh_token != before.credentials.refresh_token


def test_a_token_that_the_server_refuses_before_its_time_is_renewed(connected: RunCommand) -> None:
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert connected("list").code == 0


def test_simultaneous_programs_renew_once(connected: RunCommand) -> None:
    """The second refresh token is valid too: nobody lost it, and no family was revoked."""
    expire_access_token()
    before = AccessToken.objects.count()
    names: list[str] = []

    def call() -> None:
        with Picard() as picard:
            names.append(picard.whoami().person.handle)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 8
    assert AccessToken.objects.count() - before <= 1
    expire_access_token()
    assert connected("list").code == 0


@pytest.mark.parametrize("end", ["revoked", "paused"])
def test_a_log_in_that_cannot_be_renewed_exits_with_4(connected: RunCommand, eve: User, end: str) -> None:
    grant = AppGrant.objects.get(user=eve)
    (grants.revoke_grant if end == "revoked" else grants.pause_grant)(grant)
    assert connected("list").code == 4
    expire_access_token()
    result = connected("list")
    assert result.code == 4
    assert result.output == ""
    if end == "paused":
        grants.resume_grant(grant)
        assert connected("list").code == 0
    else:
        assert "picard login" in result.errors


def test_logging_out_revokes_the_tokens(connected: RunCommand, site: str) -> None:
    credentials = load_only_profile().credentials
    assert credentials is not None
    assert connected("logout").code == 0
    assert profiles.list_profiles() == []
    with pytest.raises(picard_memory.NoAccessError), Picard(site, credentials.access_token) as picard:
        picard.whoami()
    assert connected("logout").code == 4


def test_logging_out_deletes_the_tokens_here_even_if_the_server_is_down(
    connected: RunCommand, unused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "FIRST_WAIT_S", 0.01)
    profile = dataclasses.replace(load_only_profile(), revocation_endpoint=f"{unused_url}/oauth/revoke/")
    profiles.save_profile(profile)
    result = connected("logout")
    assert result.code == 5
    assert pages.APPS in result.errors
    assert profiles.list_profiles() == []


def test_a_token_is_read_from_standard_input_or_the_environment(
    run: RunCommand, site: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("login", site, "--token", "--name", "a", stdin=f"{token}\n").code == 0
    monkeypatch.setenv("PICARD_TOKEN", token)
    assert run("login", site, "--token", "--name", "b").code == 0
    assert run("logout").code == 0
    monkeypatch.setenv("PICARD_URL", site)
    profiles.delete_profile("a")
    assert run("list").code == 0  # without a log-in
    assert run("login", site, "--token", token).code == 2


def test_a_token_of_the_environment_is_not_sent_to_another_server(
    run: RunCommand, site: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICARD_TOKEN", "pic_pat_of_another_server")
    monkeypatch.setenv("PICARD_URL", "https://other.example")
    assert run("login", site, "--token", stdin=f"{token}\n").code == 0


def test_a_log_in_that_cannot_be_stored_says_why(
    run: RunCommand, site: str, token: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("a file where the folder should be")
    result = run("login", site, "--token", stdin=token)
    assert result.code == 1
    assert str(config) in result.errors


@pytest.mark.parametrize("stdin", ["", "\n", "two words", "tök", "picard_at_unknown"])
def test_a_wrong_token_is_not_stored(run: RunCommand, site: str, stdin: str) -> None:
    result = run("login", site, "--token", stdin=stdin)
    assert result.code in (2, 4)
    assert profiles.list_profiles() == []


def test_several_servers_have_log_ins_side_by_side(
    run: RunCommand, site: str, token: str, unused_url: str
) -> None:
    assert run("login", site, "--token", stdin=token).code == 0
    profiles.save_profile(profiles.Profile("other", unused_url, credentials=profiles.Credentials("t")))
    assert "Other log-ins  other" in run("status").output
    assert json.loads(run("status", "--json").output)["url"] == site
    assert run("--profile", "other", "logout").code == 0
    assert run("--profile", "other", "list").code == 4
    assert run("list").code == 0


@pytest.mark.parametrize("url", ["http://192.0.2.1:8000", "http://memory.example.org"])
def test_no_token_goes_through_a_network_without_https(run: RunCommand, url: str) -> None:
    result: Run = run("login", url, "--token", stdin="a-token")
    assert result.code == 2
    assert "--insecure" in result.errors


@pytest.mark.parametrize("page", [pages.APPS, pages.REVIEW, pages.TOKENS])
def test_messages_name_pages_that_exist(page: str) -> None:
    assert resolve(page)
