"""`manage.py backup`: the database as one file and, apart from it, the keys as another."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from picard.backups import dump as backup_dump

WARNING = (
    "Keep the keys apart from the data: whoever has both can read every memory, and without the keys nobody can. "
    "They do not change from backup to backup, only when you rotate them."
)


class Command(BaseCommand):
    help = "Write the database to FILE, and with --keys the keys that open it to another file elsewhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="where to; FILE.sha256 is put beside it")
        parser.add_argument(
            "--keys", type=Path, metavar="FILE", help="where to write the keys, in another folder"
        )

    def handle(self, *_: object, file: Path, keys: Path | None, **__: object) -> None:
        if keys and keys.absolute().parent == file.absolute().parent:
            raise CommandError(
                "Give the keys a folder of their own: whoever finds both files can read everything."
            )
        try:
            backup_dump.refuse_overwrite(file, keys)
            backup_dump.dump_database(file)
            opened = backup_dump.verify_backup(file, settings.FIELD_ENCRYPTION_KEY)
            if keys:
                backup_dump.write_keys(keys, settings.FIELD_ENCRYPTION_KEY)
        except backup_dump.BackupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{file}: {file.stat().st_size:,} bytes. All {opened:,} keys in it open.")
        self.stdout.write(f"{keys}: the keys." if keys else "The keys were not written: --keys FILE does.")
        self.stderr.write(self.style.WARNING(WARNING))
