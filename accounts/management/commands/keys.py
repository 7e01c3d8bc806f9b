import secrets

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import keys


class Command(BaseCommand):
    help = "Make, look at, rotate and verify the keys (docs/security.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("generate", help="print a fresh SECRET_KEY and master key; changes nothing")
        acts.add_parser("status", help="which master keys wrap the stored keys")
        acts.add_parser(
            "rotate",
            help="wrap every stored key by the first of FIELD_ENCRYPTION_KEY; texts stay as they are",
        )
        acts.add_parser("verify", help="exit 1 unless every stored key opens")

    def handle(self, *_: object, act: str, **__: object) -> None:
        getattr(self, f"_{act}")()

    def _generate(self) -> None:
        self.stdout.write(f"SECRET_KEY={secrets.token_urlsafe(48)}")
        self.stdout.write(f"FIELD_ENCRYPTION_KEY={Fernet.generate_key().decode()}")

    def _status(self) -> None:
        status = keys.get_key_status()
        self.stdout.write(f"wrapped by the first master key: {status.newest:,}")
        self.stdout.write(f"wrapped by an older master key:  {status.older:,}")
        self.stdout.write(f"opened by no master key:         {status.unreadable:,}")
        if status.older:
            self.stdout.write(
                "Run `manage.py keys rotate`, then the older keys can be taken out of FIELD_ENCRYPTION_KEY."
            )

    def _rotate(self) -> None:
        self._verify()
        self.stdout.write(f"{keys.rewrap_all_keys():,} keys are now wrapped by the first master key.")

    def _verify(self) -> None:
        status = keys.get_key_status()
        if status.unreadable:
            raise CommandError(f"{status.unreadable:,} stored keys do not open with FIELD_ENCRYPTION_KEY.")
        self.stdout.write(f"All {status.newest + status.older:,} stored keys open.")
