from django.apps import AppConfig


class OauthConfig(AppConfig):
    """OAuth 2.0 authorization server: clients, consent, grants and tokens."""

    name = "oauth"

    def ready(self) -> None:
        from oauth import signals  # noqa: F401  (connects them)
