from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People: who they are, what opens their sealed text, and on whose authority an act is done."""

    name = "accounts"

    def ready(self) -> None:
        from accounts import signals  # noqa: F401  (connects the receivers)
        from accounts.sessions.hashed_keys import install_session_key_field

        install_session_key_field()
