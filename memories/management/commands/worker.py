from django.core.management.base import BaseCommand

from accounts.keys import refuse_wrong_master_keys
from accounts.mail.delivery import running_sender
from core.db.time_limits import WORKER_S, limit_statements
from core.process_signals import SERVER_CHECKS, stop_on_signals
from memories.index.dimensions import refuse_wrong_dimensions
from memories.index.vectors import check_known_answer
from memories.jobs import indexer


class Command(BaseCommand):
    help = "Embed queued memories, send queued e-mails and run periodic cleanup until stopped (Ctrl-C or SIGTERM)."
    requires_system_checks = [SERVER_CHECKS]

    def handle(self, *_: object, **__: object) -> None:
        should_stop = stop_on_signals()
        limit_statements(WORKER_S)
        refuse_wrong_master_keys()
        refuse_wrong_dimensions()
        check_known_answer()
        with running_sender(should_stop):
            indexer.run_worker(should_stop)
