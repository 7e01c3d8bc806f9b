"""Invite a person: prints a link that lets one person sign up."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.urls import reverse

from accounts import invitations


class Command(BaseCommand):
    help = "Print a link that lets one person sign up. The link is shown only now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "email", nargs="?", default="", help="only this address may use it (default: anybody)"
        )
        parser.add_argument(
            "--days", type=int, default=invitations.DAYS, help="how long it holds (default: 14)"
        )

    def handle(self, *args: object, email: str, days: int, **options: object) -> None:
        if days < 1:
            raise CommandError("--days must be at least 1.")
        if email:
            self._validate_email(email)
        if settings.SIGNUP == "closed":
            raise CommandError("SIGNUP=closed: nobody can sign up. Set SIGNUP=invite.")
        path = reverse("accounts:invitation", args=[invitations.create_invitation(email, days)])
        self.stdout.write(f"{settings.PUBLIC_URL}{path}")

    @staticmethod
    def _validate_email(email: str) -> None:
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"{email} is not an e-mail address.") from None
