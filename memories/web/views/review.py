"""The Review page: edit, approve and decline proposals in one form."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect

from accounts.actor import Actor
from memories.clients import names as client_names
from memories.errors import MemoryNotFound, SelectionChanged, VersionConflict
from memories.models import Memory
from memories.providers import chat
from memories.review import decisions as review_decisions
from memories.review.decisions import PendingProposal, ReviewResult
from memories.services import proposals
from memories.services.reads import decrypt_or_none
from memories.validation import limits
from memories.web.decorators import Request, memory_view
from memories.web.forms import parse_version
from memories.web.presenters import describe_source, format_age

VERSION_PREFIX = "version-"  # + proposal ID: the field with the version of its memory that the page showed


@dataclass(frozen=True)
class ProposalRow:
    """A proposal on the page, with the submitted edits and the error they caused."""

    pending: PendingProposal
    names: dict[str, str]
    submitted: QueryDict = field(default_factory=QueryDict)
    error: Exception | None = None

    @property
    def is_picked(self) -> bool:
        """Return whether it is selected: all are at first."""
        return "act" not in self.submitted or str(self.id) in self.submitted.getlist("pick")

    @property
    def id(self) -> UUID:
        return self.pending.proposal.pk

    @property
    def content(self) -> proposals.Content | None:
        return self.pending.content

    @property
    def text(self) -> str | None:
        """Return the submitted or proposed text; None if the text does not change or cannot be decrypted."""
        return self.submitted.get(f"text-{self.id}", (self.content or {}).get("text"))

    @property
    def tags(self) -> str | None:
        proposed = (self.content or {}).get("tags")
        return self.submitted.get(f"tags-{self.id}", None if proposed is None else ", ".join(proposed))

    @property
    def is_edited(self) -> bool:
        """Return whether the user typed something that is not saved."""
        content = self.content or {}
        proposed = {"text": content.get("text"), "tags": ", ".join(content.get("tags") or [])}
        sent = {name: self.submitted.get(f"{name}-{self.id}") for name in proposed}
        return any(
            value is not None and value.replace("\r\n", "\n") != proposed[name]
            for name, value in sent.items()
        )

    @property
    def present_text(self) -> str | None:
        """Return the current text of the memory to be changed."""
        return decrypt_or_none(self.pending.memory) if self.pending.memory is not None else None

    @property
    def older(self) -> Memory | None:
        return self.pending.older

    @property
    def older_text(self) -> str:
        return (decrypt_or_none(self.pending.older) if self.pending.older is not None else None) or ""

    @property
    def would_remove_link(self) -> bool:
        content = self.content or {}
        return self.pending.is_change and "supersedes" in content and content["supersedes"] is None

    @property
    def would_remove_expiry(self) -> bool:
        """Return whether the change would remove the memory's expiry."""
        content = self.content or {}
        return self.pending.is_change and "expires_at" in content and not content["expires_at"]

    @property
    def source(self) -> str:
        return describe_source(self.pending.proposal.source, self.names)

    @property
    def age(self) -> str:
        return format_age(self.pending.proposal.created_at)

    @property
    def errors(self) -> list[str]:
        if isinstance(self.error, ValidationError):
            return list(self.error.messages)
        if isinstance(self.error, MemoryNotFound):
            return [_("The memory to be changed no longer exists. Decline this proposal.")]
        if isinstance(self.error, VersionConflict):
            return [_("The memory was changed in the meantime. Check its current text.")]
        if isinstance(self.error, IntegrityError):
            return [_("This proposal conflicts with another memory. Decline it.")]
        return [_("This proposal cannot be decrypted. Decline it.")] if self.error else []


@dataclass(frozen=True)
class _Answer:
    """What became of the selected proposals, for the user."""

    message: str
    memories: Sequence[Memory] = ()
    refused: Mapping[UUID, Exception] = field(default_factory=dict)


class AcceptAllForm(forms.Form):
    """What "Approve all" covers: `count` proposals, `until` being the newest."""

    until = forms.UUIDField()
    count = forms.IntegerField(min_value=0)


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def review_page(request: Request, actor: Actor) -> HttpResponseBase:
    if request.method != "POST":
        return render(request, "memories/review.html", _build_context(request, actor))
    action, _colon, single = request.POST.get("act", "").partition(":")
    selected = _parse_ids([single] if single else request.POST.getlist("pick"))
    if action == "accept_all":
        return _accept_all(request, actor)
    if not selected:
        messages.info(request, _("Select at least one memory."))
        return redirect("memories:review")
    answer = (
        _accept_selected(request, actor, selected)
        if action == "accept"
        else _decline_selected(actor, selected)
    )
    if single and request.htmx:
        return _render_row(request, actor, selected[0], answer)
    return _render_answered(request, actor, answer)


def _accept_selected(request: Request, actor: Actor, selected: Sequence[UUID]) -> _Answer:
    edits = {proposal_id: _parse_edits(request.POST, proposal_id) for proposal_id in selected}
    result = review_decisions.accept_proposals(actor, edits)
    return _Answer(_describe_saved(result), result.memories, result.refused)


def _decline_selected(actor: Actor, selected: Sequence[UUID]) -> _Answer:
    count = review_decisions.decline_proposals(actor, selected)
    message = ngettext("%(n)d proposal declined.", "%(n)d proposals declined.", count)
    return _Answer(message % {"n": count})


def _accept_all(request: Request, actor: Actor) -> HttpResponseBase:
    """Approve the proposals that the page counted; later ones stay pending."""
    form = AcceptAllForm(request.POST)
    try:
        if not form.is_valid():
            raise SelectionChanged
        seen = _parse_seen_versions(request.POST)
        result = review_decisions.accept_all_proposals(actor, seen=seen, **form.cleaned_data)
    except SelectionChanged:
        messages.info(request, _("New proposals arrived. Review them before you approve all."))
        return redirect("memories:review")
    return _render_answered(request, actor, _Answer(_describe_saved(result), refused=result.refused))


def _describe_saved(result: ReviewResult) -> str:
    count = len(result.memories)
    return ngettext("Saved %(n)d memory.", "Saved %(n)d memories.", count) % {"n": count} if count else ""


def _render_answered(request: Request, actor: Actor, answer: _Answer) -> HttpResponseBase:
    """Go back to the page, or render it with what the user typed into other proposals."""
    if answer.message:
        messages.success(request, answer.message)
    context = _build_context(request, actor, answer.refused)
    if not answer.refused and not any(row.is_edited for row in context["rows"]):
        return redirect("memories:review")
    return render(request, "memories/review.html", context, status=422 if answer.refused else 200)


def _render_row(request: Request, actor: Actor, proposal_id: UUID, answer: _Answer) -> HttpResponseBase:
    """Replace one proposal of the page; the others stay as the user edits them. After the last, load the page."""
    context = _build_context(request, actor, answer.refused)
    if not context["total"]:
        messages.success(request, answer.message)
        return HttpResponseClientRedirect(reverse("memories:review"))
    row = next((row for row in context["rows"] if row.id == proposal_id), None)
    template = "memories/_proposal.html" if row else "memories/_proposal_answered.html"
    counter = request.POST.get(f"counter-{proposal_id}", "")
    context |= {"row": row, "answer": answer, "counter": counter}
    return render(request, template, context, status=422 if row else 200)


def _build_context(
    request: Request, actor: Actor, refused: Mapping[UUID, Exception] | None = None
) -> dict[str, Any]:
    before, until = (
        next(iter(_parse_ids([request.GET.get(name, "")])), None) for name in ("before", "until")
    )
    # Count before listing: "Approve all" then detects proposals that arrive in between.
    total = review_decisions.count_pending_proposals(actor, until=until)
    page = review_decisions.list_pending_proposals(actor, before=before)
    sources = (pending.proposal.source for pending in page.waiting)
    names = dict(client_names.get_client_names(actor.person.pk, sources))
    errors = refused or {}
    rows = [ProposalRow(each, names, request.POST, errors.get(each.proposal.pk)) for each in page.waiting]
    return {
        "rows": rows,
        "next": page.next,
        "days": proposals.RETENTION.days,
        "limit": limits.TEXT_CHARACTERS,
        "can_extract": chat.is_configured(),
        "total": total,
        "until": until or (rows[0].id if rows else None),
    }


def _parse_edits(data: QueryDict, proposal_id: UUID) -> review_decisions.Edit:
    """Return the submitted text and tags, and the version that the page showed."""
    edited: review_decisions.Edit = {"expected_version": _parse_seen_version(data, proposal_id)}
    if (text := data.get(f"text-{proposal_id}")) is not None:
        edited["text"] = text
    if (tags := data.get(f"tags-{proposal_id}")) is not None:
        edited["tags"] = limits.split_tags(tags)
    return edited


def _parse_seen_versions(data: QueryDict) -> dict[UUID, int | None]:
    """Return the versions of the memories to be changed that the page showed, by proposal."""
    ids = _parse_ids(name.removeprefix(VERSION_PREFIX) for name in data if name.startswith(VERSION_PREFIX))
    return {proposal_id: _parse_seen_version(data, proposal_id) for proposal_id in ids}


def _parse_seen_version(data: QueryDict, proposal_id: UUID) -> int | None:
    return parse_version(data.get(f"{VERSION_PREFIX}{proposal_id}", ""))


def _parse_ids(values: Iterable[str]) -> list[UUID]:
    """Return the valid IDs and skip the others."""
    ids = []
    for value in values:
        try:
            ids.append(UUID(value))
        except ValueError:
            continue
    return ids
