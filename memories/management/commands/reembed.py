import time

from django.core.management.base import BaseCommand, CommandParser

from accounts.management.lookup import get_user_by_email
from accounts.models import User
from core.process_signals import stop_on_signals
from memories.index import moves, work_queue
from memories.models import Memory


class Command(BaseCommand):
    help = (
        "Index memories anew whose embedding model, language or keywords are not up to date. Workers do this in the "
        "background; meanwhile search finds all of them. Stopping this command stops only the progress output."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="include memories that are up to date")
        parser.add_argument("--user", help="e-mail address: only this user's memories")
        parser.add_argument("--no-wait", action="store_true", help="queue the memories and exit")

    def handle(self, *_: object, **options: object) -> None:
        person = get_user_by_email(str(options["user"])) if options["user"] else None
        queued = moves.start_outdated_moves(person)
        if options["all"]:
            memories = Memory.objects.all() if person is None else Memory.objects.filter(owner=person)
            queued = work_queue.enqueue_memories(memories)
        self.stdout.write(f"queued {queued:,} memories")
        if not options["no_wait"]:
            self._watch_backlog(person)

    def _watch_backlog(self, person: User | None) -> None:
        should_stop = stop_on_signals()
        while (backlog := work_queue.get_backlog(person)).pending and not should_stop():
            self.stdout.write(
                f"{backlog.pending:,} pending, {backlog.failed:,} failed (is a worker running?)"
            )
            time.sleep(2)
        self.stdout.write(f"done: {backlog.pending:,} pending, {backlog.failed:,} failed")
