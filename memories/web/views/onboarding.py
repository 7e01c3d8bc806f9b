"""What a newcomer is shown until they know their way: keep something, find it again, connect an app."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.http import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.actor import Actor
from accounts.profile.service import change_profile
from memories.web.decorators import Request, back, memory_page
from memories.web.presenters import Row
from oauth.access import grants

HAS_FOUND = "has_found"  # in the session: one need not find something twice to go on
ENOUGH = 10  # memories of somebody who needs no first steps


@dataclass(frozen=True)
class Example:
    """A memory that one might begin with, and a question that finds it by its meaning: they share no word."""

    text: str | Promise
    question: str | Promise


EXAMPLES = (
    Example(_("I am vegetarian and allergic to hazelnuts."), _("food that is dangerous for me")),
    Example(_("My daughter Mia was born in May 2019 and loves dinosaurs."), _("which child do I have")),
    Example(_("For work I write Python; answer me briefly, with examples."), _("programming language")),
)


@dataclass(frozen=True)
class FirstSteps:
    """Which steps are done. question: what would find the example that was kept, empty for a text of one's own."""

    has_kept: bool
    has_found: bool
    has_connected: bool
    question: str | Promise = ""
    examples: tuple[Example, ...] = EXAMPLES

    @property
    def current(self) -> str:
        """The name of the step that comes next, empty when all are done."""
        steps = (("keep", self.has_kept), ("find", self.has_found), ("connect", self.has_connected))
        return next((name for name, is_done in steps if not is_done), "")


def first_steps(request: Request, actor: Actor, *, total: int, rows: Iterable[Row] = ()) -> FirstSteps | None:
    """Of who has `total` memories, `rows` among them; None once they are done, declined or outgrown."""
    if actor.person.first_steps_hidden or total >= ENOUGH:
        return None
    has_found = request.session.get(HAS_FOUND, False)
    steps = FirstSteps(total > 0, has_found, grants.connected(actor).exists())
    if not steps.current:
        return None
    return replace(steps, question=_question(rows)) if steps.current == "find" else steps


def note_found(request: Request, actor: Actor) -> bool:
    """A search showed something. True when that is new: a step of a newcomer is done."""
    is_new = not (actor.person.first_steps_hidden or request.session.get(HAS_FOUND))
    if is_new:
        request.session[HAS_FOUND] = True
    return is_new


@require_POST
@memory_page
def hide_first_steps(request: Request, actor: Actor) -> HttpResponseBase:
    change_profile(actor, first_steps_hidden=True)
    return back(request, "memories:list")


def _question(rows: Iterable[Row]) -> str | Promise:
    questions = {str(example.text): example.question for example in EXAMPLES}
    return next((questions[row.text] for row in rows if row.text in questions), "")
