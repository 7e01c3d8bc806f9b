"""Log-in by password, and the user of a session."""

from uuid import UUID

from allauth.account.auth_backends import AuthenticationBackend as AllauthsBackend

from accounts.mail import addresses
from accounts.models import User
from accounts.sessions.stored_sessions import take_offered_user


class AuthenticationBackend(AllauthsBackend):  # type: ignore[misc]
    """django-allauth's backend, but an address belongs to at most one account.

    So each attempt hashes one password, even if the address is unknown. django-allauth tries every account that holds
    the address unconfirmed.
    """

    def _authenticate_by_email(self, email: str, password: str) -> User | None:
        person: User | None = self._check_password(addresses.find_login_account(email), password)
        return person

    def get_user(self, user_id: UUID) -> User | None:
        """Return an active user; without a statement, the one who was read with the session."""
        offered = take_offered_user(user_id)
        person: User | None = super().get_user(user_id) if offered is None else offered
        return person if offered is None or self.user_can_authenticate(offered) else None
