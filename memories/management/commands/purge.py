from django.core.management.base import BaseCommand

from memories.jobs import retention


class Command(BaseCommand):
    help = "Permanently delete what was trashed or expired TRASH_DAYS ago, and other old data; the worker does it, too."

    def handle(self, *_: object, **__: object) -> None:
        deleted = retention.run_steps()
        if not deleted:
            self.stdout.write("Another process is purging right now.")
        for name, count in deleted.items():
            self.stdout.write(f"{name}: {count:,} deleted")
