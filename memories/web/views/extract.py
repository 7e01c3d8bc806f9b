"""The page that extracts memories from a pasted conversation; 404 without a chat model."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from accounts.actor import Actor
from accounts.consent import chat as chat_consent
from accounts.rate_limits import RateLimitExceeded, enforce_rate_limit, get_api_limit
from memories.errors import ChatConsentRequired, InvalidModelOutput
from memories.providers import chat
from memories.providers.chat_api.errors import ChatUnavailable
from memories.review import extraction
from memories.review.extraction import Extraction
from memories.web.decorators import Request, add_form_errors, memory_view


class ConversationForm(forms.Form):
    """A conversation, validated by memories/review/extraction.py."""

    conversation = forms.CharField(
        label=gettext_lazy("Conversation"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "dir": "auto"}),
        help_text=gettext_lazy("Paste it as you copied it from an assistant or a messaging app."),
    )
    may_read = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict | None = None, *, actor: Actor) -> None:
        """Add the consent field only if the user has not consented to the model's host yet."""
        super().__init__(data)
        if chat_consent.can_send_texts(actor.person):
            del self.fields["may_read"]
        else:
            consent = self.fields["may_read"]
            consent.label = chat_consent.get_consent_label()
            consent.help_text = chat_consent.get_consent_help_text()


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def extract_memories(request: Request, actor: Actor) -> HttpResponseBase:
    if not chat.is_configured():
        raise Http404
    form = ConversationForm(request.POST if request.method == "POST" else None, actor=actor)
    if form.is_valid() and (found := _extract_proposals(actor, form)) is not None:
        count = len(found.proposals)
        message = ngettext(
            "%(n)d memory found. Choose whether to save it.",
            "%(n)d memories found. Choose which to save.",
            count,
        )
        messages.info(request, message % {"n": count} if count else _("No memories found."))
        if not found.is_complete:
            messages.warning(request, _describe_rest(found))
        return redirect("memories:review")
    context = {"form": form, "provider": chat.get_provider_name(), "is_hosted": chat.is_hosted()}
    return render(request, "memories/extract.html", context, status=422 if form.errors else 200)


def _describe_rest(found: Extraction) -> str:
    """Return what of the model's answer is missing."""
    if found.is_cut:
        return _(
            "The chat model's answer was cut off, so some memories may be missing. Try a shorter conversation."
        )
    message = ngettext(
        "%(n)d more memory in the chat model's answer could not be read.",
        "%(n)d more memories in the chat model's answer could not be read.",
        found.left_out,
    )
    return message % {"n": found.left_out}


def _extract_proposals(actor: Actor, form: ConversationForm) -> Extraction | None:
    """Return the proposals created, or None after adding errors to the form."""
    data = form.cleaned_data
    try:
        enforce_rate_limit(get_api_limit(), f"{actor.person.pk}:")
        if data.get("may_read"):
            chat_consent.save_consent(actor, yes=True)
        return extraction.extract_proposals(actor, data["conversation"])
    except ValidationError as error:
        add_form_errors(form, error)
    except ChatConsentRequired:
        form.add_error("may_read", _("Allow this first to extract memories."))
    except RateLimitExceeded as error:
        form.add_error(None, str(error))
    except ChatUnavailable:
        form.add_error(None, _("The chat model is not responding. Nothing was saved. Try again later."))
    except InvalidModelOutput:
        form.add_error(None, _("The chat model returned an invalid answer. Nothing was saved. Try again."))
    return None
