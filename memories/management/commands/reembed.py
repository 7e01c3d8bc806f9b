import time

from django.core.management.base import BaseCommand, CommandParser

from core.process_signals import stop_on_signals
from memories.index import work_queue
from memories.models import Memory


class Command(BaseCommand):
    help = (
        "Re-embed memories with the configured embedding model. Workers do this in the background; meanwhile keyword "
        "search covers all memories and semantic search those already re-embedded. Stopping this command stops only "
        "the progress output."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="include memories already embedded with this model"
        )
        parser.add_argument("--no-wait", action="store_true", help="queue the memories and exit")

    def handle(self, *_: object, **options: object) -> None:
        queued = (
            work_queue.enqueue_memories(Memory.objects.all())
            if options["all"]
            else work_queue.enqueue_other_spaces()
        )
        self.stdout.write(f"queued {queued:,} memories for {work_queue.get_space_identity()}")
        if not options["no_wait"]:
            self._watch_backlog()

    def _watch_backlog(self) -> None:
        should_stop = stop_on_signals()
        while (backlog := work_queue.get_backlog()).pending and not should_stop():
            self.stdout.write(
                f"{backlog.pending:,} pending, {backlog.failed:,} failed (is a worker running?)"
            )
            time.sleep(2)
        self.stdout.write(f"done: {backlog.pending:,} pending, {backlog.failed:,} failed")
