from django.core.management.base import BaseCommand

from memories.jobs import retention


class Command(BaseCommand):
    help = "Delete for ever what was trashed or expired TRASH_DAYS ago, and other leftovers; the worker does it too."

    def handle(self, *_: object, **__: object) -> None:
        touched = retention.run_steps()
        if not touched:
            self.stdout.write("Another worker is at it just now.")
        for name, count in touched.items():
            self.stdout.write(f"{name}: {count:,} deleted")
