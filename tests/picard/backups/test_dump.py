"""Backups: they restore all data on another machine, and reveal nothing without their keys."""

import hashlib
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

from picard.backups.dump import verify_backup
from picard.config.paths import PROJECT
from picard.observability.smoke import SmokeTest
from tests.chaos.people import PASSWORD, Person, signed_up
from tests.chaos.product import Product, fresh_product, running_product

pytestmark = pytest.mark.slow

TEXT = "The spare key lies under the third flower pot."


class Backup:
    """Both files of a backup, with a memory and an app's token from before it."""

    def __init__(self, product: Product, folder: Path) -> None:
        self.data, self.keys = folder / "data" / "picard.dump", folder / "keys" / "picard.keys"
        self.product, self.port, self.address = product, product.port, product.address
        for file in (self.data, self.keys):
            file.parent.mkdir(mode=0o700)
        with signed_up(product.address, "ada") as [ada]:
            self.memory = ada.create(TEXT, tags="home")
            self.token = connect_app(product, ada)
            self.output = product.run("manage.py", "backup", str(self.data), "--keys", str(self.keys))


def connect_app(product: Product, ada: Person) -> str:
    """Register an app through the public endpoints, allow it as ada, and return its token."""
    client = SmokeTest(product.address, email=ada.email, password=PASSWORD)
    for step in (client.discover_metadata, client.sign_in, client.register_app, client.authorize_app):
        step()
    client.close()
    return client.token


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    with running_product(WEB_WORKERS="1") as product:
        backup = Backup(product, tmp_path_factory.mktemp("backup"))
        product.stop()
        yield backup


@pytest.fixture(scope="module")
def restored(backup: Backup) -> Iterator[Product]:
    """Another machine at the same address, with an empty home before the restore."""
    with fresh_product(WEB_WORKERS="1", PORT=str(backup.port)) as product:
        product.port, product.address = backup.port, backup.address  # tokens are bound to it
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


def test_backup_files_are_private_and_data_file_contains_no_keys_or_texts(backup: Backup) -> None:
    assert {stat.S_IMODE(file.stat().st_mode) for file in (backup.data, backup.keys)} == {0o600}
    secrets = re.findall(r"=(.+)$", backup.keys.read_text(), re.MULTILINE)
    assert len(secrets) == 2
    data = backup.data.read_bytes()
    assert not [secret for secret in secrets if secret.encode() in data]
    assert TEXT.encode() not in data


def test_restored_memories_can_be_read_and_found(backup: Backup, restored: Product) -> None:
    ada = Person(restored.address, "ada")
    ada.log_in()
    assert TEXT in ada.get(f"/memories/{backup.memory}/").text
    assert backup.memory in ada.search("flower pot")
    ada.close()


def test_app_token_works_after_restore(backup: Backup, restored: Product) -> None:
    headers = {"Authorization": f"Bearer {backup.token}"}
    response = httpx.get(f"{restored.address}/api/v1/memories/{backup.memory}/", headers=headers)
    assert (response.status_code, response.json()["text"]) == (200, TEXT)


def test_restore_rejects_a_database_in_use(backup: Backup, restored: Product) -> None:
    process = manage(restored, "restore", str(backup.data), "--replace")
    assert process.returncode == 1
    assert "Stop the web server" in process.stderr


def test_restore_rejects_wrong_keys_and_a_damaged_file_before_any_change(
    backup: Backup, tmp_path: Path
) -> None:
    with fresh_product() as other:
        generated_keys = manage(other, "restore", str(backup.data))
        wrong_keys = manage(
            other, "restore", str(backup.data), FIELD_ENCRYPTION_KEY=Fernet.generate_key().decode()
        )
        file = tmp_path / "damaged.dump"
        file.write_bytes(backup.data.read_bytes() + b"!")
        os.link(f"{backup.data}.sha256", f"{file}.sha256")
        damaged_file = manage(other, "restore", str(file), "--keys", str(backup.keys))
        assert [each.returncode for each in (generated_keys, wrong_keys, damaged_file)] == [1, 1, 1]
        assert "do not authenticate" in generated_keys.stderr
        assert "do not authenticate" in wrong_keys.stderr
        assert "is damaged" in damaged_file.stderr
        assert not (other.home / "postgres" / "data").exists()


@pytest.mark.parametrize("leaves_hmac", [True, False])
def test_restore_runs_nothing_of_a_changed_file(backup: Backup, leaves_hmac: bool, tmp_path: Path) -> None:
    """The attack: replace a statement of the dump by a program to run, of equal length, and its checksum."""
    data, ran = backup.data.read_bytes(), tmp_path / "ran"
    original = max(re.findall(rb"CREATE INDEX [^;]+;", data), key=len)
    attack = f"COPY (SELECT 1) TO PROGRAM 'touch {ran}';".encode()
    assert len(attack) <= len(original)
    file = tmp_path / "picard.dump"
    file.write_bytes(data.replace(original, attack.ljust(len(original)), 1))
    lines = Path(f"{backup.data}.sha256").read_text().splitlines()
    lines[0] = f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}"
    Path(f"{file}.sha256").write_text("\n".join(lines[: 2 if leaves_hmac else 1]))
    process = manage(backup.product, "restore", str(file), "--replace")
    assert process.returncode == 1
    assert ("do not authenticate" if leaves_hmac else "has no HMAC") in process.stderr
    assert not list(backup.product.home.glob("before-restore-*.dump"))
    assert not ran.exists()


def test_sha256sum_accepts_the_checksum_file(backup: Backup) -> None:
    checksum = [f"{backup.data.name}.sha256"]
    subprocess.run(["sha256sum", "--check", "--strict", *checksum], cwd=backup.data.parent, check=True)


def test_backup_is_restored_after_the_master_keys_were_rotated(backup: Backup) -> None:
    [current] = re.findall(r"^FIELD_ENCRYPTION_KEY=(.+)$", backup.keys.read_text(), re.MULTILINE)
    newest = Fernet.generate_key().decode()
    assert verify_backup(backup.data, [newest, current]) == 2


def test_restore_replaces_data_only_with_the_option_and_saves_it_first(backup: Backup) -> None:
    product = backup.product
    without_option = manage(product, "restore", str(backup.data))
    assert without_option.returncode == 1
    assert "not empty" in without_option.stderr
    output = product.run("manage.py", "restore", str(backup.data), "--replace")
    [previous] = product.home.glob("before-restore-*.dump")
    assert str(previous) in output
    assert "2 stored keys verified" in output


@pytest.mark.parametrize(
    "existing", ["data/x.dump", "data/x.dump.sha256", "data/x.dump.partial", "keys/x.keys"]
)
def test_backup_does_not_start_if_an_output_file_exists(existing: str, tmp_path: Path) -> None:
    for folder in ("data", "keys"):
        (tmp_path / folder).mkdir()
    (tmp_path / existing).touch()
    with pytest.raises(CommandError, match=f"{existing} already exists"):
        call_command("backup", tmp_path / "data/x.dump", keys=tmp_path / "keys/x.keys")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / existing]


def test_backup_rejects_data_and_keys_in_one_folder(backup: Backup, restored: Product) -> None:
    keys = backup.data.with_name("second.keys")
    process = manage(restored, "backup", str(backup.data.with_name("second.dump")), "--keys", str(keys))
    assert process.returncode == 1
    assert "a different folder" in process.stderr
    assert not keys.exists()
