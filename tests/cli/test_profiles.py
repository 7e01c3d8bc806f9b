"""Where log-ins and their tokens are stored, and which of them a command uses."""

import json
import os
import stat
import subprocess
import sys
import types
from pathlib import Path

import pytest
from picard_memory import ConfigurationError, FixedToken, NotLoggedInError, Picard, profiles, system_keyring
from picard_memory.auth import choose_login, normalize_url
from picard_memory.profiles import Credentials, Profile

from picard.config.paths import PROJECT

URL = "https://memory.example.org"
TOKEN = "a-token"


def save_login(name: str = "home", url: str = URL, *, token: str = TOKEN) -> None:
    profiles.save_profile(Profile(name=name, url=url, credentials=Credentials(token)))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("memory.example.org", URL),
        ("https://Memory.Example.org/", URL),
        ("https://memory.example.org/api/v1/", URL),
        ("localhost:8000", "http://localhost:8000"),
        ("127.0.0.1:8000/mcp", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        (" https://memory.example.org:8443 ", "https://memory.example.org:8443"),
    ],
)
def test_a_url_is_understood_as_people_write_it(written: str, meant: str) -> None:
    assert normalize_url(written) == meant


@pytest.mark.parametrize(
    "written", ["", "ftp://memory.example.org", "https://", "https://a:b@example.org", "x:y:z"]
)
def test_what_is_no_url_of_a_server_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError):
        normalize_url(written)


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_only_the_user_can_read_tokens(config: Path) -> None:
    os.umask(0o000)
    try:
        save_login()
        save_login(token="another-token")
    finally:
        os.umask(0o022)
    [path] = (config / "profiles").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in (config, path.parent)} == {0o700}
    path.chmod(0o644)
    assert profiles.load_profile("home").credentials == Credentials("another-token")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_login()

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        save_login(token="another-token")
    assert profiles.load_profile("home").credentials == Credentials("a-token")
    assert [path.name for path in (config / "profiles").iterdir()] == ["home.json"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"url": 1, "credentials": {"token": 1}}'])
def test_a_broken_file_is_named(config: Path, content: str) -> None:
    save_login()
    (config / "profiles" / "home.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"home\.json cannot be read"):
        profiles.load_profile("home")


@pytest.mark.parametrize("name", ["../home", "", ".hidden", "a/b", "a\nb"])
def test_a_profile_cannot_lie_elsewhere(config: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        save_login(name)


def test_the_last_or_only_log_in_is_used(config: Path) -> None:
    with pytest.raises(NotLoggedInError, match="picard login URL"):
        Picard()
    save_login()
    assert Picard().url == URL
    save_login("work", "https://work.example")
    with pytest.raises(ConfigurationError, match="home, work"):
        Picard()
    profiles.save_current("work")
    assert Picard().url == "https://work.example"
    assert Picard(profile="home").url == URL
    assert Picard(URL).url == URL
    with pytest.raises(NotLoggedInError, match=r"other\.example"):
        Picard("https://other.example")


def test_a_token_of_the_environment_goes_only_to_the_server_named_with_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_login()
    monkeypatch.setenv("PICARD_TOKEN", "env-token")
    with pytest.raises(ConfigurationError, match="PICARD_URL"):
        Picard()
    monkeypatch.setenv("PICARD_URL", "https://env.example")
    url, tokens = choose_login(None, None, None)
    assert (url, tokens.get_token()) == ("https://env.example", "env-token")
    url, tokens = choose_login(None, None, "home")
    assert (url, tokens.get_token()) == (URL, "a-token")
    assert choose_login("https://given.example", FixedToken("given"), None)[1].get_token() == "given"
    assert choose_login("env.example/", None, None)[1].get_token() == "env-token"
    assert choose_login(URL, None, None)[1].get_token() == "a-token"
    with pytest.raises(NotLoggedInError):
        choose_login("https://other.example", None, None)


def test_a_server_of_the_environment_selects_its_log_in(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the current one: memories would go to a server other than the one that was named."""
    save_login()
    save_login("work", "https://work.example", token="older")
    save_login("work-2", "https://work.example", token="newer")
    profiles.save_current("home")
    monkeypatch.setenv("PICARD_URL", "work.example")
    assert Picard().url == "https://work.example"
    assert Picard(profile="home").url == URL
    assert Picard(URL).url == URL
    profiles.save_current("work-2")
    assert choose_login(None, None, None)[1].get_token() == "newer"
    monkeypatch.setenv("PICARD_URL", "https://other.example")
    with pytest.raises(NotLoggedInError, match=r"other\.example"):
        Picard()


def test_processes_wait_for_one_another(config: Path) -> None:
    """Each of four processes adds 25 to a number that it reads and writes under the lock."""
    number = config / "number"
    save_login()
    number.write_text("0")
    code = (
        "import sys\nfrom pathlib import Path\nfrom picard_memory.profiles import lock_profile\n"
        "number = Path(sys.argv[1])\nfor _ in range(25):\n"
        "    with lock_profile('home'):\n        number.write_text(str(int(number.read_text()) + 1))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "cli/src")}
    processes = [subprocess.Popen([sys.executable, "-c", code, number], env=environment) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0] * 4
    assert number.read_text() == "100"


class FakeKeyring(types.ModuleType):
    """The interface of the package `keyring` that is used."""

    class KeyringError(Exception):
        pass

    def __init__(self, priority: float) -> None:
        super().__init__("keyring")
        self.passwords: dict[tuple[str, str], str] = {}
        self.priority = priority
        self.errors = types.ModuleType("keyring.errors")
        self.errors.KeyringError = self.KeyringError  # type: ignore[attr-defined]
        self.is_locked = False

    def get_keyring(self) -> "FakeKeyring":
        return self

    def set_password(self, service: str, name: str, value: str) -> None:
        if self.is_locked:
            raise self.KeyringError("locked")
        self.passwords[service, name] = value

    def get_password(self, service: str, name: str) -> str | None:
        if self.is_locked:
            raise self.KeyringError("locked")
        return self.passwords.get((service, name))

    def delete_password(self, service: str, name: str) -> None:
        self.passwords.pop((service, name), None)


@pytest.fixture
def keyring(config: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKeyring:
    keyring = FakeKeyring(priority=5)
    monkeypatch.delenv("PICARD_KEYRING")
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", keyring.errors)
    return keyring


def test_tokens_are_in_the_keyring_where_there_is_one(config: Path, keyring: FakeKeyring) -> None:
    save_login()
    stored = (config / "profiles" / "home.json").read_text()
    assert "a-token" not in stored
    assert json.loads(stored)["credentials"] == system_keyring.MARK
    assert profiles.load_profile("home").credentials == Credentials("a-token")
    profiles.delete_profile("home")
    assert keyring.passwords == {}


def test_a_locked_keyring_says_so_and_a_log_in_uses_the_file(config: Path, keyring: FakeKeyring) -> None:
    save_login()
    keyring.is_locked = True
    with pytest.raises(ConfigurationError, match="keyring cannot be read: locked"):
        profiles.load_profile("home")
    save_login(token="another-token")
    assert profiles.load_profile("home").credentials == Credentials("another-token")


def test_a_keyring_that_is_not_recommended_is_not_used(config: Path, keyring: FakeKeyring) -> None:
    keyring.priority = 0
    save_login()
    assert keyring.passwords == {}
