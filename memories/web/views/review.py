"""What waits for the person's yes: tick, edit, accept, decline; one form for the whole page."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts.actor import Actor
from memories.clients import names as client_names
from memories.errors import MemoryNotFound, SelectionChanged, VersionConflict
from memories.providers import chat
from memories.review import decisions as review_decisions
from memories.review.decisions import PendingProposal
from memories.services import proposals
from memories.services.reads import decrypt_or_none
from memories.validation import limits
from memories.web.decorators import Request, memory_view
from memories.web.forms import parse_version
from memories.web.presenters import describe_source, format_age

VERSION_PREFIX = "version-"  # and a proposal's id: the field that says which version of its memory was shown


@dataclass(frozen=True)
class ProposalRow:
    """A proposal as the page shows it: with what was typed, and what the domain said of it."""

    waiting: PendingProposal
    names: dict[str, str]
    typed: QueryDict = field(default_factory=QueryDict)
    problem: Exception | None = None

    @property
    def id(self) -> UUID:
        return self.waiting.proposal.pk

    @property
    def content(self) -> proposals.Content | None:
        return self.waiting.content

    @property
    def text(self) -> str | None:
        """What was typed, else what is proposed; None where only other things would change, or nothing opens."""
        return self.typed.get(f"text-{self.id}", (self.content or {}).get("text"))

    @property
    def tags(self) -> str | None:
        proposed = (self.content or {}).get("tags")
        return self.typed.get(f"tags-{self.id}", None if proposed is None else ", ".join(proposed))

    @property
    def present_text(self) -> str | None:
        """What the memory that would change says now."""
        return decrypt_or_none(self.waiting.memory) if self.waiting.memory is not None else None

    @property
    def would_remove_expiry(self) -> bool:
        """That the memory, which ends now, would be kept for ever."""
        content = self.content or {}
        return self.waiting.is_change and "expires_at" in content and not content["expires_at"]

    @property
    def source(self) -> str:
        return describe_source(self.waiting.proposal.source, self.names)

    @property
    def age(self) -> str:
        return format_age(self.waiting.proposal.created_at)

    @property
    def errors(self) -> list[str]:
        if isinstance(self.problem, ValidationError):
            return list(self.problem.messages)
        if isinstance(self.problem, MemoryNotFound):
            return [_("The memory that this would change is not there any more. Decline it.")]
        if isinstance(self.problem, VersionConflict):
            return [_("The memory that this would change was changed meanwhile. See what it says now.")]
        return [_("This does not open, so it cannot be kept. Decline it.")] if self.problem else []


class AcceptAllForm(forms.Form):
    """What "Keep all" means, as the page said it: so many, the newest of them `until`."""

    until = forms.UUIDField()
    count = forms.IntegerField(min_value=0)


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def review_page(request: Request, actor: Actor) -> HttpResponseBase:
    if request.method != "POST":
        return _render_review_page(request, actor, {})
    act, _colon, single = request.POST.get("act", "").partition(":")
    chosen = _parse_ids([single] if single else request.POST.getlist("pick"))
    if act == "accept_all":
        return _accept_all(request, actor)
    if not chosen:
        messages.info(request, _("Tick at least one first."))
        return redirect("memories:review")
    if act == "accept":
        edits = {each: _parse_edits(request.POST, each) for each in chosen}
        return _render_outcome(request, actor, review_decisions.accept_proposals(actor, edits))
    count = review_decisions.decline_proposals(actor, chosen)
    messages.success(request, ngettext("%(n)d declined.", "%(n)d declined.", count) % {"n": count})
    return redirect("memories:review")


def _accept_all(request: Request, actor: Actor) -> HttpResponseBase:
    """What the button counted; whatever came after the page was shown waits on."""
    shown = AcceptAllForm(request.POST)
    try:
        if not shown.is_valid():
            raise SelectionChanged
        seen = _parse_seen_versions(request.POST)
        return _render_outcome(
            request, actor, review_decisions.accept_all_proposals(actor, seen=seen, **shown.cleaned_data)
        )
    except SelectionChanged:
        messages.info(request, _("More came meanwhile. Look at it before you keep all."))
        return redirect("memories:review")


def _render_outcome(
    request: Request, actor: Actor, reviewed: review_decisions.ReviewResult
) -> HttpResponseBase:
    if count := len(reviewed.memories):
        messages.success(request, ngettext("%(n)d kept.", "%(n)d kept.", count) % {"n": count})
    return (
        _render_review_page(request, actor, reviewed.refused)
        if reviewed.refused
        else redirect("memories:review")
    )


def _render_review_page(request: Request, actor: Actor, refused: dict[UUID, Exception]) -> HttpResponseBase:
    before, until = (
        next(iter(_parse_ids([request.GET.get(name, "")])), None) for name in ("before", "until")
    )
    # Counted before it is read: what comes in between is not in the count, so "Keep all" notices it.
    total = review_decisions.count_pending_proposals(actor, until=until)
    page = review_decisions.list_pending_proposals(actor, before=before)
    names = dict(client_names.get_client_names(each.proposal.source for each in page.waiting))
    rows = [ProposalRow(each, names, request.POST, refused.get(each.proposal.pk)) for each in page.waiting]
    context = {
        "rows": rows,
        "next": page.next,
        "days": proposals.RETENTION.days,
        "limit": limits.TEXT_CHARACTERS,
        "can_extract": chat.is_configured(),
        "total": total,
        "until": until or (rows[0].id if rows else None),
    }
    return render(request, "memories/review.html", context, status=422 if refused else 200)


def _parse_edits(given: QueryDict, proposal_id: UUID) -> review_decisions.Edit:
    """What was typed in this proposal's fields, where it has them, and which version the page showed."""
    edited: review_decisions.Edit = {"expected_version": _parse_seen_version(given, proposal_id)}
    if (text := given.get(f"text-{proposal_id}")) is not None:
        edited["text"] = text
    if (tags := given.get(f"tags-{proposal_id}")) is not None:
        edited["tags"] = tags.split(",")
    return edited


def _parse_seen_versions(given: QueryDict) -> dict[UUID, int | None]:
    """By proposal the version of the memory that it changes, of all that the page showed."""
    shown = _parse_ids(name.removeprefix(VERSION_PREFIX) for name in given if name.startswith(VERSION_PREFIX))
    return {each: _parse_seen_version(given, each) for each in shown}


def _parse_seen_version(given: QueryDict, proposal_id: UUID) -> int | None:
    return parse_version(given.get(f"{VERSION_PREFIX}{proposal_id}", ""))


def _parse_ids(given: Iterable[str]) -> list[UUID]:
    """What is no id is the id of nothing."""
    found = []
    for each in given:
        try:
            found.append(UUID(each))
        except ValueError:
            continue
    return found
