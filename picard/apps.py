from django.apps import AppConfig


class PicardConfig(AppConfig):
    """The project: health checks, start-up and management commands.

    First in INSTALLED_APPS, so that invalid settings are reported before any model reads a key.
    """

    name = "picard"

    def import_models(self) -> None:
        from picard.config.checks import validate_settings

        validate_settings()
        super().import_models()

    def ready(self) -> None:
        from django.conf import settings

        from core.db.principal import SYSTEM, set_process_default
        from core.db.roles import Role
        from picard.composition import wire_apps

        wire_apps()
        if settings.DATABASES["default"]["ROLE"] != Role.WEB:
            set_process_default(SYSTEM)
