"""Log-in by password."""

from allauth.account.auth_backends import AuthenticationBackend as AllauthsBackend

from accounts.mail import addresses
from accounts.models import User


class AuthenticationBackend(AllauthsBackend):  # type: ignore[misc]
    """django-allauth's backend, but an address belongs to at most one account.

    So each attempt hashes one password, even if the address is unknown. django-allauth tries every account that holds
    the address unconfirmed.
    """

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        person: User | None = self._check_password(addresses.find_login_account(email), password)
        return person
