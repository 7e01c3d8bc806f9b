"""In which languages a user's memories are indexed."""

from django.db.models import Count

from accounts.actor import Actor
from memories.insights.sessions import require_session
from memories.models import MemoryVector


def count_languages(actor: Actor, total: int) -> dict[str, int]:
    """Return how many memories are indexed in each language, by its code, the most first.

    All of them, `total`, are in the user's language, unless they are being moved to it from another one.
    """
    require_session(actor)
    if not actor.person.former_languages:
        return {actor.person.language_code: total} if total else {}
    rows = MemoryVector.objects.visible_to(actor, owner=actor.person).filter(passage=0, space__isnull=False)
    counted = rows.order_by().values("space__language").annotate(memories=Count("*"))
    found = dict(counted.values_list("space__language", "memories"))
    return dict(sorted(found.items(), key=lambda item: -item[1]))
