from django.apps import AppConfig


class OauthConfig(AppConfig):
    """How an app gets its authority from a person, and how a request shows it."""

    name = "oauth"

    def ready(self) -> None:
        from oauth import signals  # noqa: F401  (connects them)
