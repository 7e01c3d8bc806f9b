"""Register an app, as the developer console does; for set-ups without anybody at a browser."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from oauth.registration import manual as manual_registration


class Command(BaseCommand):
    help = "Register an app and print its client id and secret. The secret is shown only now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what people see when they are asked")
        parser.add_argument(
            "redirect_uri", nargs="+", help="where the answer goes, compared letter by letter"
        )
        parser.add_argument("--public", action="store_true", help="it cannot keep a secret (native, browser)")
        parser.add_argument(
            "--owner", default="", help="e-mail of the person whose developer console shows it"
        )

    def handle(
        self, *args: object, name: str, redirect_uri: list[str], public: bool, owner: str, **options: object
    ) -> None:
        try:
            made = manual_registration.register_app(
                name=name, redirect_uris=redirect_uri, is_public=public, user=self._find_owner(owner)
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        lines = {"PICARD_URL": settings.PUBLIC_URL, "PICARD_CLIENT_ID": made.application.client_id}
        if made.secret:
            lines["PICARD_CLIENT_SECRET"] = made.secret
        for variable, value in lines.items():
            self.stdout.write(f"{variable}={value}")

    @staticmethod
    def _find_owner(email: str) -> User | None:
        if not email:
            return None
        try:
            return User.objects.get(email=email.lower())
        except User.DoesNotExist:
            raise CommandError(f"Nobody has the address {email}.") from None
