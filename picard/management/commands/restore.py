"""`manage.py restore`: a database from a backup, after a proof that file and keys belong together."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from picard.backups import dump as backup_dump
from picard.backups import restore as backup_restore


class Command(BaseCommand):
    help = "Fill an empty database from a file of `backup`. Refuses a damaged file and wrong keys before it begins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what `backup` wrote, with FILE.sha256 beside it")
        parser.add_argument("--keys", type=Path, metavar="FILE", help="the keys that `backup --keys` wrote")
        parser.add_argument("--replace", action="store_true", help="drop everything that the database holds")

    def handle(self, *_: object, file: Path, keys: Path | None, replace: bool, **__: object) -> None:
        try:
            given = backup_dump.read_keys(keys) if keys else None
            masters = backup_dump.parse_master_keys(given) if given else settings.FIELD_ENCRYPTION_KEY
            opened = backup_dump.verify_backup(file, masters)
            _require_idle_database(replace)
            if given:
                _require_installable_keys(given)
            if replace:
                self._back_up_current_data()
            backup_restore.restore_database(file, replace=replace)
        except (backup_dump.BackupError, OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        if given:
            self._install_keys(given)  # last: with these keys nothing opens that was there before
        # In processes of their own: this one began with the keys from before.
        for arguments in (["migrate", "--no-input", "--verbosity", "0"], ["keys", "verify"]):
            _run_manage_command(*arguments)
        self.stdout.write(f"Restored. {opened:,} stored keys open. Start Picard, then look: manage.py doctor")

    def _back_up_current_data(self) -> None:
        """A backup of what will be dropped. Without room for it nothing is."""
        if not backup_restore.is_database_empty():
            before = settings.PICARD_HOME / f"before-restore-{_format_timestamp()}.dump"
            backup_dump.dump_database(before)
            self.stdout.write(f"{before} is what this database held until now.")

    def _install_keys(self, given: dict[str, str]) -> None:
        """Make the given keys the server's own."""
        if not _has_different_keys(given):
            return
        before = settings.KEYS_HOME.with_name(f"keys-before-{_format_timestamp()}")
        try:
            settings.KEYS_HOME.rename(before)
            _write_keys(given)
        except OSError as error:
            raise CommandError(
                f"The data is there, but its keys cannot be put into {settings.KEYS_HOME} ({error.strerror}). "
                "Make room for them, and restore once more with --replace."
            ) from None
        self.stdout.write(
            f"{settings.KEYS_HOME} holds the keys of the backup; those from before are in {before}."
        )


def _write_keys(given: dict[str, str]) -> None:
    settings.KEYS_HOME.mkdir(mode=0o700)
    for name, value in given.items():
        path = settings.KEYS_HOME / name.lower()
        path.touch(mode=0o600)
        path.write_text(value)


def _has_different_keys(given: dict[str, str]) -> bool:
    return backup_dump.parse_master_keys(given) != settings.FIELD_ENCRYPTION_KEY


def _require_installable_keys(given: dict[str, str]) -> None:
    """Raises CommandError where it is not the server itself that keeps its keys."""
    set_by_hand = [
        name for key in backup_dump.KEY_NAMES for name in (key, f"{key}_FILE") if os.environ.get(name)
    ]
    if _has_different_keys(given) and (set_by_hand or not settings.EMBEDDED):
        raise CommandError("Set SECRET_KEY and FIELD_ENCRYPTION_KEY to the keys of the backup first.")


def _format_timestamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def _require_idle_database(replace: bool) -> None:
    if backup_restore.count_other_connections():
        raise backup_dump.BackupError(
            "Others are connected to this database. Stop the web server and the workers first."
        )
    if not replace and not backup_restore.is_database_empty():
        raise backup_dump.BackupError("This database is not empty. --replace drops everything that it holds.")


def _run_manage_command(*arguments: str) -> None:
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
    if subprocess.run(command, check=False).returncode:
        raise CommandError(f"`manage.py {' '.join(arguments)}` failed on the restored database.")
