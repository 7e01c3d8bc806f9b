from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, their encryption keys, log-in and sessions, and the actor of each request."""

    name = "accounts"

    def ready(self) -> None:
        from accounts import signals  # noqa: F401  (connects the receivers)
        from accounts.login.reauthentication import install_reauthentication
        from accounts.login.sealed_authenticators import install_sealed_data_field
        from accounts.sessions.hashed_keys import install_session_key_field

        install_session_key_field()
        install_sealed_data_field()
        install_reauthentication()
