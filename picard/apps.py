from django.apps import AppConfig


class PicardConfig(AppConfig):
    """The project itself: health, start-up, and the commands that run the whole.

    It stands first in INSTALLED_APPS, so faulty settings are told before any model asks for a key.
    """

    name = "picard"

    def import_models(self) -> None:
        from picard.config.checks import validate_settings

        validate_settings()
        super().import_models()

    def ready(self) -> None:
        from picard.composition import wire_apps

        wire_apps()
