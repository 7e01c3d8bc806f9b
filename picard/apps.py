from django.apps import AppConfig


class PicardConfig(AppConfig):
    """The project itself: settings checks, health, and the commands that run the whole."""

    name = "picard"

    def ready(self) -> None:
        from picard import checks  # noqa: F401  (registers the system checks)
