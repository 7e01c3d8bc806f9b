"""A backup gives everything back on another machine, and nothing to whoever lacks its keys."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from picard.config.paths import PROJECT
from picard.observability.smoke import SmokeTest
from tests.chaos.people import PASSWORD, Person, signed_up
from tests.chaos.product import Product, fresh_product, running_product

pytestmark = pytest.mark.slow

TEXT = "The spare key lies under the third flower pot."


class Backup:
    """Of a product that was stopped afterwards: both files, and what its person and her app knew."""

    def __init__(self, product: Product, folder: Path) -> None:
        self.data, self.keys = folder / "data" / "picard.dump", folder / "keys" / "picard.keys"
        self.product, self.port, self.address = product, product.port, product.address
        for file in (self.data, self.keys):
            file.parent.mkdir(mode=0o700)
        with signed_up(product.address, "ada") as [ada]:
            self.memory = ada.create(TEXT, tags="home")
            self.token = token_of(product, ada)
            self.said = product.run("manage.py", "backup", str(self.data), "--keys", str(self.keys))


def token_of(product: Product, ada: Person) -> str:
    """An app's, by the public endpoints, let in by ada."""
    walk = SmokeTest(product.address, email=ada.email, password=PASSWORD)
    for step in (walk.discover_metadata, walk.sign_in, walk.register_app, walk.authorize_app):
        step()
    walk.close()
    return walk.token


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    with running_product(WEB_WORKERS="1") as product:
        taken = Backup(product, tmp_path_factory.mktemp("backup"))
        product.stop()
        yield taken


@pytest.fixture(scope="module")
def restored(backup: Backup) -> Iterator[Product]:
    """Another machine at the same address: a home of which nothing was there before the restore."""
    with fresh_product(WEB_WORKERS="1", PORT=str(backup.port)) as product:
        product.port, product.address = backup.port, backup.address  # tokens are for one address
        product.run("manage.py", "restore", str(backup.data), "--keys", str(backup.keys))
        product.start()
        yield product


def manage(product: Product, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env={**product.environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_two_files_are_private_and_neither_holds_the_other(backup: Backup) -> None:
    assert {stat.S_IMODE(file.stat().st_mode) for file in (backup.data, backup.keys)} == {0o600}
    secrets = re.findall(r"=(.+)$", backup.keys.read_text(), re.MULTILINE)
    assert len(secrets) == 2
    data = backup.data.read_bytes()
    assert not [secret for secret in secrets if secret.encode() in data]
    assert TEXT.encode() not in data


def test_memories_open_and_search_finds_them_after_the_restore(backup: Backup, restored: Product) -> None:
    ada = Person(restored.address, "ada")
    ada.log_in()
    assert TEXT in ada.get(f"/memories/{backup.memory}/").text
    assert backup.memory in ada.search("flower pot")
    ada.close()


def test_the_token_of_an_app_still_works(backup: Backup, restored: Product) -> None:
    headers = {"Authorization": f"Bearer {backup.token}"}
    found = httpx.get(f"{restored.address}/api/v1/memories/{backup.memory}/", headers=headers)
    assert (found.status_code, found.json()["text"]) == (200, TEXT)


def test_a_database_in_use_is_refused(backup: Backup, restored: Product) -> None:
    done = manage(restored, "restore", str(backup.data), "--replace")
    assert done.returncode == 1
    assert "Stop the web server" in done.stderr


def test_wrong_keys_and_a_damaged_file_are_refused_before_anything_begins(
    backup: Backup, tmp_path: Path
) -> None:
    with fresh_product() as other:
        made_here = manage(other, "restore", str(backup.data))
        wrong = manage(
            other, "restore", str(backup.data), FIELD_ENCRYPTION_KEY=Fernet.generate_key().decode()
        )
        damaged = tmp_path / "damaged.dump"
        damaged.write_bytes(backup.data.read_bytes() + b"!")
        os.link(f"{backup.data}.sha256", f"{damaged}.sha256")
        broken = manage(other, "restore", str(damaged), "--keys", str(backup.keys))
        assert [done.returncode for done in (made_here, wrong, broken)] == [1, 1, 1]
        assert "do not open" in made_here.stderr
        assert "do not open" in wrong.stderr
        assert "is damaged" in broken.stderr
        assert not (other.home / "postgres" / "data").exists()


def test_a_database_with_data_is_replaced_only_when_told_and_kept(backup: Backup) -> None:
    first = backup.product
    refused = manage(first, "restore", str(backup.data))
    assert refused.returncode == 1
    assert "not empty" in refused.stderr
    said = first.run("manage.py", "restore", str(backup.data), "--replace")
    [before] = first.home.glob("before-restore-*.dump")
    assert str(before) in said
    assert "2 stored keys open" in said


@pytest.mark.parametrize("there", ["data/x.dump", "data/x.dump.sha256", "data/x.dump.partial", "keys/x.keys"])
def test_no_backup_replaces_another_or_begins_what_it_cannot_end(there: str, tmp_path: Path) -> None:
    for folder in ("data", "keys"):
        (tmp_path / folder).mkdir()
    (tmp_path / there).touch()
    with pytest.raises(CommandError, match=f"{there} exists already"):
        call_command("backup", tmp_path / "data/x.dump", keys=tmp_path / "keys/x.keys")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / there]


def test_both_files_in_one_folder_are_refused(backup: Backup, restored: Product) -> None:
    beside = backup.data.with_name("beside.keys")
    done = manage(restored, "backup", str(backup.data.with_name("second.dump")), "--keys", str(beside))
    assert done.returncode == 1
    assert "a folder of their own" in done.stderr
    assert not beside.exists()
