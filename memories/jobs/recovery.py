"""Recovery from an outage of the embedding provider: memories that failed because of it are tried again.

A memory that failed too often is `failed`, and no longer tried on its own. As soon as the provider answers again, all
that failed because of a provider are due once more; those that still fail stay `failed` until the next time.
"""

import logging
import time
from collections.abc import Collection

from django.conf import settings

from core.db.distribution import group_owners
from memories.index import work_queue
from memories.index.languages import read_owner_languages
from memories.jobs import retention
from memories.models import IndexState, Memory
from memories.providers.embeddings import PROBE_TEXT, CheckedProvider, ProviderError, get_provider

logger = logging.getLogger(__name__)

INTERVAL_S, MAX_INTERVAL_S = 60.0, 3600.0

_next_try = 0.0
_interval_s = INTERVAL_S
_is_requeued = False
_outage = ""  # the code of the last failure, empty while the provider answers


def record_results(errors: Collection[str], *, has_vectors: bool) -> None:
    """Note what the provider did with a batch, and log the beginning and the end of an outage, once each."""
    global _outage, _next_try, _interval_s
    if error := next((code for code in errors if work_queue.is_provider_error(code)), ""):
        if not _outage and not has_vectors:
            logger.warning("the embedding provider fails with %s; memories wait", error)
        _outage = error
    elif _outage and has_vectors:
        logger.warning("the embedding provider answers again")
        _outage, _next_try, _interval_s = "", 0.0, INTERVAL_S


def retry_if_due() -> None:
    """Requeue what a start or the end of an outage makes due: at once, and then ever more rarely what fails again."""
    global _next_try, _is_requeued, _interval_s
    if time.monotonic() < _next_try:
        return
    _is_requeued = _is_requeued or retention.requeue_on_start()
    if requeued := requeue_failed_memories():
        logger.info("requeued %d memories that a provider had failed", requeued)
    if requeued or not _is_requeued:
        _interval_s = min(MAX_INTERVAL_S, 2 * _interval_s)
    _next_try = time.monotonic() + _interval_s


def requeue_failed_memories() -> int:
    """Queue the memories that failed because of a provider that answers now, for one attempt each; return how many."""
    failed = Memory.objects.filter(
        index_state=IndexState.FAILED, index_error__in=work_queue.PROVIDER_ERRORS
    ).order_by()
    languages = read_owner_languages(set(failed.values_list("owner_id", flat=True).distinct()))
    answers: dict[CheckedProvider, bool] = {}
    answering = {code for code in {each.code for each in languages.values()} if _does_answer(code, answers)}
    attempts = max(0, settings.INDEXING_MAX_ATTEMPTS - 1)
    owners = (owner_id for owner_id, language in languages.items() if language.code in answering)
    return sum(
        work_queue.enqueue_memories(failed.filter(owner_id__in=group), attempts=attempts)
        for group in group_owners(owners)
    )


def _does_answer(language_code: str, answers: dict[CheckedProvider, bool]) -> bool:
    """Ask the provider of a language for a vector of a fixed text, each provider once."""
    try:
        provider = get_provider(language_code)
        if provider not in answers:
            answers[provider] = False
            answers[provider] = bool(provider.embed_documents([PROBE_TEXT]))
    except ProviderError:
        return False
    return answers[provider]
