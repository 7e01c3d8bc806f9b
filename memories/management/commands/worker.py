from typing import Any

from django.core.management.base import BaseCommand

from memories import worker
from memories.vectors import check_known_answer
from picard.checks import refuse_wrong_master_keys
from picard.stopping import stop_on_signals


class Command(BaseCommand):
    help = (
        "Embed memories that wait for their vectors, and keep house, until told to stop (Ctrl-C or SIGTERM)."
    )

    def handle(self, *_: Any, **__: Any) -> None:
        should_stop = stop_on_signals()
        refuse_wrong_master_keys()
        check_known_answer()
        worker.run(should_stop)
