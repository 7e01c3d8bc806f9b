import time

from django.core.management.base import BaseCommand, CommandParser

from core.process_signals import stop_on_signals
from memories.index import work_queue
from memories.models import Memory


class Command(BaseCommand):
    help = (
        "Move memories to the embedding model that is configured now. The workers do it in the background, while "
        "search goes on: by words for all, by meaning for those that are moved. Stopping this stops only the watching."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="also those that already are of this model")
        parser.add_argument("--no-wait", action="store_true", help="queue them and return at once")

    def handle(self, *_: object, **options: object) -> None:
        queued = (
            work_queue.enqueue_memories(Memory.objects.all())
            if options["all"]
            else work_queue.enqueue_other_spaces()
        )
        self.stdout.write(f"{queued:,} memories are queued for {work_queue.get_space_identity()}")
        if not options["no_wait"]:
            self._watch_backlog()

    def _watch_backlog(self) -> None:
        should_stop = stop_on_signals()
        while (left := work_queue.get_backlog()).pending and not should_stop():
            self.stdout.write(f"{left.pending:,} to go, {left.failed:,} failed (is a worker running?)")
            time.sleep(2)
        self.stdout.write(f"done: {left.pending:,} to go, {left.failed:,} failed")
