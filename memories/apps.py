from django.apps import AppConfig


class MemoriesConfig(AppConfig):
    """Memories: encrypted at rest, searchable by keyword and by meaning, visible to whom their owner allows."""

    name = "memories"

    def ready(self) -> None:
        from memories import signals  # noqa: F401  (connects the receivers)
