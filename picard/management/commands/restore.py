"""`manage.py restore`: restore a backup after verifying that its file and keys match."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.db.roles import Role, acting_as_system
from picard.backups import dump as backup_dump
from picard.backups import restore as backup_restore
from picard.backups.authentication import copy_privately
from picard.config.paths import make_folder


class Command(BaseCommand):
    help = "Restore a backup into an empty database. Rejects a changed file or wrong keys before it runs anything."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="backup file, with FILE.sha256 in the same folder")
        parser.add_argument("--keys", type=Path, metavar="FILE", help="key file written by `backup --keys`")
        parser.add_argument("--replace", action="store_true", help="drop everything in the database first")
        parser.add_argument(
            "--allow-unauthenticated",
            action="store_true",
            help="accept a backup of release 0.2.0 or older, which has no HMAC: a changed one can run programs",
        )

    @acting_as_system(Role.OWNER)
    def handle(
        self,
        *_: object,
        file: Path,
        keys: Path | None,
        replace: bool,
        allow_unauthenticated: bool,
        **__: object,
    ) -> None:
        try:
            backup_keys = backup_dump.read_keys(keys) if keys else None
            masters = (
                backup_dump.parse_master_keys(backup_keys) if backup_keys else settings.FIELD_ENCRYPTION_KEY
            )
            make_folder(settings.PICARD_HOME)
            with copy_privately(file, settings.PICARD_HOME) as copy:
                key_count = backup_dump.verify_backup(
                    copy, masters, allow_unauthenticated=allow_unauthenticated
                )
                _require_idle_database(replace)
                if backup_keys:
                    _require_installable_keys(backup_keys)
                if replace:
                    self._back_up_current_data()
                backup_restore.restore_database(copy, replace=replace)
        except (backup_dump.BackupError, OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        if backup_keys:
            self._install_keys(backup_keys)  # last, because these keys cannot decrypt the previous data
        # In separate processes, because this one has loaded the previous keys.
        for arguments in (["migrate", "--no-input", "--verbosity", "0"], ["keys", "verify"]):
            _run_manage_command(*arguments)
        self.stdout.write(
            f"Restored. {key_count:,} stored keys verified. Start Picard, then run: manage.py doctor"
        )

    def _back_up_current_data(self) -> None:
        """Dump the data that will be dropped. Without disk space for it nothing is dropped."""
        if not backup_restore.is_database_empty():
            dump = settings.PICARD_HOME / f"before-restore-{_format_timestamp()}.dump"
            backup_dump.dump_database(dump)
            self.stdout.write(f"The previous data was saved to {dump}.")

    def _install_keys(self, keys: dict[str, str]) -> None:
        """Replace the server's keys, and move the previous ones to another folder."""
        if not _has_different_keys(keys):
            return
        previous = settings.KEYS_HOME.with_name(f"keys-before-{_format_timestamp()}")
        try:
            settings.KEYS_HOME.rename(previous)
            _write_keys(keys)
        except OSError as error:
            raise CommandError(
                f"The data was restored, but its keys cannot be written to {settings.KEYS_HOME} ({error.strerror}). "
                "Free disk space, and restore again with --replace."
            ) from None
        self.stdout.write(
            f"The keys of the backup are in {settings.KEYS_HOME}, the previous ones in {previous}."
        )


def _write_keys(keys: dict[str, str]) -> None:
    settings.KEYS_HOME.mkdir(mode=0o700)
    for name, value in keys.items():
        path = settings.KEYS_HOME / name.lower()
        path.touch(mode=0o600)
        path.write_text(value)


def _has_different_keys(keys: dict[str, str]) -> bool:
    return backup_dump.parse_master_keys(keys) != settings.FIELD_ENCRYPTION_KEY


def _require_installable_keys(keys: dict[str, str]) -> None:
    """Raise CommandError if the keys differ and the server does not store its keys itself."""
    set_by_hand = [
        name for key in backup_dump.KEY_NAMES for name in (key, f"{key}_FILE") if os.environ.get(name)
    ]
    if _has_different_keys(keys) and (set_by_hand or not settings.EMBEDDED):
        raise CommandError("Set SECRET_KEY and FIELD_ENCRYPTION_KEY to the keys of the backup first.")


def _format_timestamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def _require_idle_database(replace: bool) -> None:
    if backup_restore.count_other_connections():
        raise backup_dump.BackupError(
            "This database has other connections. Stop the web server and the workers first."
        )
    if not replace and not backup_restore.is_database_empty():
        raise backup_dump.BackupError("This database is not empty. Use --replace to drop everything in it.")


def _run_manage_command(*arguments: str) -> None:
    command = [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
    if subprocess.run(command, check=False).returncode:
        raise CommandError(f"`manage.py {' '.join(arguments)}` failed on the restored database.")
