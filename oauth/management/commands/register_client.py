"""Register an app like the developer console does, for automated set-ups."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from oauth.registration import manual as manual_registration


class Command(BaseCommand):
    help = "Register an app and print its client ID and client secret. The secret cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name shown to users when the app requests access")
        parser.add_argument("redirect_uri", nargs="*", help="redirect URL; must match exactly")
        parser.add_argument(
            "--device", action="store_true", help="can use the device flow, and needs no redirect URL"
        )
        parser.add_argument(
            "--public", action="store_true", help="public client without a secret (native, browser)"
        )
        parser.add_argument(
            "--owner", default="", help="e-mail address of the user whose developer console shows the app"
        )

    def handle(
        self,
        *args: object,
        name: str,
        redirect_uri: list[str],
        device: bool,
        public: bool,
        owner: str,
        **options: object,
    ) -> None:
        try:
            registered = manual_registration.register_app(
                name=name,
                redirect_uris=redirect_uri,
                is_public=public,
                device_flow=device,
                user=self._find_owner(owner),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        lines = {"PICARD_URL": settings.PUBLIC_URL, "PICARD_CLIENT_ID": registered.application.client_id}
        if registered.secret:
            lines["PICARD_CLIENT_SECRET"] = registered.secret
        for variable, value in lines.items():
            self.stdout.write(f"{variable}={value}")

    @staticmethod
    def _find_owner(email: str) -> User | None:
        if not email:
            return None
        try:
            return User.objects.get(email=email.lower())
        except User.DoesNotExist:
            raise CommandError(f"No user has the e-mail address {email}.") from None
