"""The page that finds memories in a pasted conversation. It is not there without a chat model."""

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
from memories.providers.chat import ChatUnavailable
from memories.review import extraction
from memories.web.decorators import Request, add_form_errors, memory_view


class ConversationForm(forms.Form):
    """A conversation. What is wrong with one, the domain says (memories/review/extraction.py)."""

    conversation = forms.CharField(
        label=gettext_lazy("The conversation"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "dir": "auto"}),
        help_text=gettext_lazy("As you copied it from an assistant or a messenger."),
    )
    may_read = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict | None = None, *, actor: Actor) -> None:
        """Asks about the model's host only who has not said yes to it yet."""
        super().__init__(data)
        if chat_consent.can_send_texts(actor.person):
            del self.fields["may_read"]
        else:
            asked = self.fields["may_read"]
            asked.label, asked.help_text = (
                chat_consent.get_consent_label(),
                chat_consent.get_consent_help_text(),
            )


@require_http_methods(["GET", "HEAD", "POST"])
@memory_view
def extract_memories(request: Request, actor: Actor) -> HttpResponseBase:
    if not chat.is_configured():
        raise Http404
    form = ConversationForm(request.POST if request.method == "POST" else None, actor=actor)
    if form.is_valid() and (count := _extract_proposals(actor, form)) is not None:
        said = ngettext(
            "%(n)d thing found. Say what to keep.", "%(n)d things found. Say what to keep.", count
        )
        messages.info(request, said % {"n": count} if count else _("Nothing to remember was found."))
        return redirect("memories:review")
    context = {"form": form, "provider": chat.get_provider_name(), "is_hosted": chat.is_hosted()}
    return render(request, "memories/extract.html", context, status=422 if form.errors else 200)


def _extract_proposals(actor: Actor, form: ConversationForm) -> int | None:
    """How many proposals were made; None when something is wrong, which the form says then."""
    given = form.cleaned_data
    try:
        enforce_rate_limit(get_api_limit(), f"{actor.person.pk}:")
        if given.get("may_read"):
            chat_consent.save_consent(actor, yes=True)
        return len(extraction.extract_proposals(actor, given["conversation"]))
    except ValidationError as error:
        add_form_errors(form, error)
    except ChatConsentRequired:
        form.add_error("may_read", _("Say yes to that first, or nothing can be looked through."))
    except RateLimitExceeded as reached:
        form.add_error(None, str(reached))
    except ChatUnavailable:
        form.add_error(None, _("The chat model does not answer just now. Nothing was kept; try again later."))
    except InvalidModelOutput:
        form.add_error(None, _("The chat model's answer could not be read. Nothing was kept; try again."))
    return None
