from django.apps import AppConfig


class MemoriesConfig(AppConfig):
    """Memories: sealed at rest, found by word and by meaning, shown to whom their owner allows."""

    name = "memories"

    def ready(self) -> None:
        from memories import signals  # noqa: F401  (connects the receivers)
