"""The memory list as built from DRF's generic views with the OAuth toolkit's own authentication.

It has no rate limit, no limited access and no audit. Served by benchmarks/servers/stock_site.py.
"""

from typing import Any, ClassVar

from django.urls import path
from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenHasScope
from oauth2_provider.oauth2_backends import OAuthLibCore
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.settings import oauth2_settings
from oauthlib.oauth2 import Server
from rest_framework.generics import ListAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, ModelSerializer, SlugRelatedField

from core.db.principal import acting_for
from memories import scopes
from memories.models import Memory

# The toolkit's own classes in place of Picard's.
oauth2_settings.OAUTH2_VALIDATOR_CLASS = OAuth2Validator
oauth2_settings.OAUTH2_SERVER_CLASS = Server
oauth2_settings.OAUTH2_BACKEND_CLASS = OAuthLibCore


class MemorySerializer(ModelSerializer):  # type: ignore[type-arg]
    text = CharField()
    tags = SlugRelatedField(many=True, read_only=True, slug_field="name")  # type: ignore[var-annotated]

    class Meta:
        model = Memory
        fields = (
            "id", "text", "visibility", "tags", "expires_at", "version", "source", "index_state", "created_at",
            "updated_at",
        )  # fmt: skip


class NewestFirstPagination(CursorPagination):
    page_size_query_param = "limit"
    ordering = "-id"


class MemoryListView(ListAPIView):  # type: ignore[type-arg]
    authentication_classes = (OAuth2Authentication,)
    permission_classes = (TokenHasScope,)
    required_scopes: ClassVar[list[str]] = [scopes.READ]
    throttle_classes = ()
    renderer_classes = (JSONRenderer,)
    pagination_class = NewestFirstPagination
    serializer_class = MemorySerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        assert request.user.pk is not None  # noqa: S101  (TokenHasScope)
        with acting_for(request.user.pk):  # otherwise the database gives no rows
            return super().list(request, *args, **kwargs)

    def get_queryset(self) -> Any:
        own = Memory.objects.filter(owner_id=self.request.user.pk, deleted_at=None)
        return own.prefetch_related("tags")


urlpatterns = [path("stock/memories/", MemoryListView.as_view())]
