"""The "Get started" steps of a new user: save a memory, find it, connect an app."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.http import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from accounts.profile.service import update_profile
from memories.web.decorators import Request, memory_view, redirect_back
from memories.web.presenters import MemoryRow
from oauth.access import grants

HAS_FOUND = "has_found"  # session key: set by the first successful search
ONBOARDING_LIMIT = 10  # memories from which on the steps are hidden


@dataclass(frozen=True)
class Example:
    """An example memory and a question that finds it by meaning: they share no word."""

    text: str | Promise
    question: str | Promise


EXAMPLES = (
    Example(_("I am vegetarian and allergic to hazelnuts."), _("food that is dangerous for me")),
    Example(_("My daughter Mia was born in May 2019 and loves dinosaurs."), _("which child do I have")),
    Example(_("For work I write Python; answer me briefly, with examples."), _("programming language")),
)


@dataclass(frozen=True)
class FirstSteps:
    """Which steps are done. question: the one that finds the saved example, empty for the user's own text."""

    has_saved: bool
    has_found: bool
    has_connected: bool
    question: str | Promise = ""
    examples: tuple[Example, ...] = EXAMPLES

    @property
    def current(self) -> str:
        """Return the name of the next step, empty if all are done."""
        steps = (("keep", self.has_saved), ("find", self.has_found), ("connect", self.has_connected))
        return next((name for name, is_done in steps if not is_done), "")


def get_first_steps(
    request: Request, actor: Actor, *, total: int, rows: Iterable[MemoryRow] = ()
) -> FirstSteps | None:
    """Return the steps, or None if they are done, hidden or no longer needed.

    total: number of the user's memories. rows: the memories on the page.
    """
    if actor.person.first_steps_hidden or total >= ONBOARDING_LIMIT:
        return None
    has_found = request.session.get(HAS_FOUND, False)
    steps = FirstSteps(total > 0, has_found, grants.list_grants(actor).exists())
    if not steps.current:
        return None
    return replace(steps, question=_find_example_question(rows)) if steps.current == "find" else steps


def record_first_search(request: Request, actor: Actor) -> bool:
    """Record that a search had results. Return whether this completes a step."""
    is_new = not (actor.person.first_steps_hidden or request.session.get(HAS_FOUND))
    if is_new:
        request.session[HAS_FOUND] = True
    return is_new


@require_POST
@memory_view
def hide_first_steps(request: Request, actor: Actor) -> HttpResponseBase:
    update_profile(actor, first_steps_hidden=True)
    return redirect_back(request, "memories:list")


def _find_example_question(rows: Iterable[MemoryRow]) -> str | Promise:
    questions = {str(example.text): example.question for example in EXAMPLES}
    return next((questions[row.text] for row in rows if row.text in questions), "")
