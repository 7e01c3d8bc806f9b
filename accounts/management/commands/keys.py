import secrets

from cryptography.fernet import Fernet
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import keys
from accounts.login.sealed_authenticators import bind_authenticators, count_unbound_authenticators

UNBOUND = (
    "If release 0.2.0 or older served this database after the upgrade, bind them with `manage.py keys rotate --bind`. "
    "Otherwise somebody else wrote them: delete them."
)


class Command(BaseCommand):
    help = "Generate, show, rotate and verify keys (docs/security.md)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("generate", help="print a new SECRET_KEY and master key; changes nothing")
        acts.add_parser("status", help="show which master keys wrap the stored keys")
        rotate = acts.add_parser(
            "rotate",
            help="wrap every stored key with the first key of FIELD_ENCRYPTION_KEY; texts do not change",
        )
        rotate.add_argument(
            "--bind",
            action="store_true",
            help="accept keys and second factors that are not bound to their row, and bind them; only if release "
            "0.2.0 or older wrote them: whoever could write to the database could have added them",
        )
        acts.add_parser("verify", help="exit with 1 unless every stored key can be decrypted")

    def handle(self, *_: object, act: str, bind: bool = False, **__: object) -> None:
        if act == "rotate":
            self._rotate(bind=bind)
        else:
            getattr(self, f"_{act}")()

    def _generate(self) -> None:
        self.stdout.write(f"SECRET_KEY={secrets.token_urlsafe(48)}")
        self.stdout.write(f"FIELD_ENCRYPTION_KEY={Fernet.generate_key().decode()}")

    def _status(self) -> None:
        status = keys.get_key_status()
        self.stdout.write(f"wrapped with the first master key: {status.newest:,}")
        self.stdout.write(f"wrapped with an older master key:  {status.older:,}")
        self.stdout.write(f"wrapped with an unknown key:       {status.unreadable:,}")
        unbound = status.unbound + count_unbound_authenticators()
        self.stdout.write(f"not bound to their row:            {unbound:,}")
        if status.older:
            self.stdout.write(
                "Run `manage.py keys rotate`, then remove older keys from FIELD_ENCRYPTION_KEY."
            )
        if unbound:
            self.stdout.write(UNBOUND)

    def _rotate(self, *, bind: bool) -> None:
        self._verify()
        if not bind and (unbound := keys.get_key_status().unbound + count_unbound_authenticators()):
            raise CommandError(f"{unbound:,} keys or second factors are not bound to their row. {UNBOUND}")
        self.stdout.write(f"{keys.rewrap_all_keys():,} keys are now wrapped with the first master key.")
        if bound := bind_authenticators():
            self.stdout.write(f"{bound:,} second factors are now bound to their user.")

    def _verify(self) -> None:
        status = keys.get_key_status()
        if status.unreadable:
            raise CommandError(
                f"{status.unreadable:,} stored keys cannot be decrypted with FIELD_ENCRYPTION_KEY."
            )
        self.stdout.write(f"All {status.newest + status.older:,} stored keys can be decrypted.")
