"""How much of the web server one client may use at once: limits that its processes share."""

from dataclasses import dataclass
from functools import cache

from django.conf import settings

from picard.server.concurrency import ConcurrencyLimit


@dataclass(frozen=True)
class ClientLimits:
    requests: ConcurrencyLimit
    uploads: ConcurrencyLimit

    def use_process(self, process: int) -> None:
        """Tell which of the processes this is, after it was forked."""
        self.requests.use_process(process)
        self.uploads.use_process(process)


@cache
def get_limits() -> ClientLimits:
    """Return the limits. The first call must be before the processes are forked."""
    threads = settings.WEB_WORKERS * settings.WEB_THREADS
    processes = 2 * settings.WEB_WORKERS  # during a reload, old ones finish beside new ones
    # Two, so that a slow request of a client does not stop its others; less than all, so that others are served.
    requests = max(1, min(2, threads - 1))
    # A thread of each process is left for whoever comes.
    alone = max(1, settings.WEB_THREADS - 1)
    return ClientLimits(ConcurrencyLimit(requests, processes, alone=alone), ConcurrencyLimit(1, processes))
