"""What a consent page offers, for an authorization request and for a device: the form, and what the app could read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from accounts.actor import Actor
from accounts.consent import chat as chat_consent
from oauth.access import grants
from oauth.consent.forms import ConsentForm
from oauth.consent.memory_choices import build_excerpt, list_tag_choices
from oauth.consent.resource_server import get_resource_server
from oauth.models import AppGrant, Application

EXAMPLES = 3


@dataclass(frozen=True)
class ConsentChoices:
    """The choices of a user about an app that requests these scopes. grant: the app's current access."""

    application: Application
    scopes: Sequence[str]
    grant: AppGrant | None
    form: ConsentForm

    @classmethod
    def load(
        cls, actor: Actor, application: Application, scopes: Sequence[str], data: QueryDict | None
    ) -> "ConsentChoices":
        """Return the choices with the submitted form, if there is one."""
        grant = grants.find_grant(actor.person, application)
        tags = list_tag_choices(actor, grant, data)
        return cls(application, scopes, grant, ConsentForm(data, requested=scopes, tags=tags, grant=grant))

    def add_too_many_apps_error(self) -> None:
        message = _("You can connect at most %(n)d apps. Disconnect one first.")
        self.form.add_error(None, message % {"n": grants.MAX_APPS})

    def build_context(self, actor: Actor) -> dict[str, Any]:
        """Return what templates/oauth/consent.html shows."""
        return {
            "app": self.application,
            "form": self.form,
            "former_name": self.grant.name if self.grant is not None and self.grant.new_name else "",
            "is_unverified": self.application.is_unverified_for(actor.person),
            "model_host": self._get_chat_model_host(actor),
            **self._preview_access(actor),
        }

    def _preview_access(self, actor: Actor) -> dict[str, Any]:
        """Return the number of memories that the app could read, and the newest as examples."""
        options = grants.GrantOptions(frozenset(self.scopes))
        as_app = grants.build_app_actor(actor.person, self.application, options)
        preview = get_resource_server().preview_access(actor, as_app, examples=EXAMPLES)
        if preview is None:
            return {"readable_count": None}
        return {
            "readable_count": preview.count,
            "examples": [build_excerpt(memory) for memory in preview.examples],
        }

    def _get_chat_model_host(self, actor: Actor) -> str:
        """Return the remote host that would generate persona answers for the app, empty if there is none."""
        can_query = get_resource_server().can_query_personas(self.scopes)
        is_remote = chat_consent.is_consent_required() and chat_consent.has_consented(actor.person)
        return chat_consent.get_provider_host() if can_query and is_remote else ""
