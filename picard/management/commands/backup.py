"""`manage.py backup`: write the database to one file and, separately, the keys to another."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from picard.backups import dump as backup_dump

WARNING = (
    "Store the keys separately from the data: anyone who has both can read every memory, and without the keys nobody "
    "can. The keys stay the same from backup to backup until you rotate them."
)


class Command(BaseCommand):
    help = "Write the database to FILE and, with --keys, its encryption keys to a file in another folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="output file; its checksum is written to FILE.sha256")
        parser.add_argument(
            "--keys", type=Path, metavar="FILE", help="output file for the keys, in another folder"
        )

    def handle(self, *_: object, file: Path, keys: Path | None, **__: object) -> None:
        if keys and keys.absolute().parent == file.absolute().parent:
            raise CommandError(
                "Write the keys to a different folder: anyone who has both files can read every memory."
            )
        try:
            backup_dump.refuse_overwrite(file, keys)
            backup_dump.dump_database(file)
            key_count = backup_dump.verify_backup(file, settings.FIELD_ENCRYPTION_KEY)
            if keys:
                backup_dump.write_keys(keys, settings.FIELD_ENCRYPTION_KEY)
        except backup_dump.BackupError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{file}: {file.stat().st_size:,} bytes. All {key_count:,} stored keys can be decrypted."
        )
        self.stdout.write(
            f"{keys}: keys." if keys else "The keys were not written. Use --keys FILE to do so."
        )
        self.stderr.write(self.style.WARNING(WARNING))
