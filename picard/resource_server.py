"""Resource server of memories, which oauth's consent and connected-apps pages query."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from accounts.actor import Actor
from memories import scopes
from memories.clients import activity as client_activity
from memories.services import reads
from oauth.consent.resource_server import AccessPreview, ClientUsage, TagUsage


class MemoryResourceServer:
    """Implements oauth.consent.resource_server.ResourceServer."""

    def tag_names(self, user: Actor, ids: Collection[UUID]) -> Mapping[UUID, str]:
        return {tag.pk: tag.name for tag in reads.list_tags(user, limit=0, including=ids).tags}

    def list_tags(self, user: Actor, *, limit: int, including: Collection[UUID]) -> Mapping[UUID, TagUsage]:
        tags = reads.list_tags(user, limit=limit, including=including).tags
        counts = client_activity.count_memories_by_tag(user, [tag.pk for tag in tags])
        return {tag.pk: TagUsage(tag.name, counts.get(tag.pk, 0)) for tag in tags}

    def preview_access(self, user: Actor, client: Actor, *, examples: int) -> AccessPreview | None:
        if not client.has_scope(scopes.READ):
            return None
        newest = reads.list_memories(user, limit=examples).memories
        return AccessPreview(reads.count_memories(client), newest)

    def can_query_personas(self, scope_names: Collection[str]) -> bool:
        return not {scopes.READ, scopes.PERSONA}.isdisjoint(scope_names)

    def usage_by_client(self, user: Actor) -> Mapping[str, ClientUsage]:
        return {
            client_id: ClientUsage(usage.read, usage.written, usage.last_at)
            for client_id, usage in client_activity.get_usage_by_app(user).items()
        }

    def list_activity(
        self, user: Actor, client_id: str | None, *, before: UUID | None
    ) -> tuple[Sequence[client_activity.ActivityEntry], UUID | None]:
        if client_id is None:
            return client_activity.list_all_app_activity(user, before=before)
        return client_activity.list_app_activity(user, client_id, before=before)

    def trash_memories_written_by(self, user: Actor, client_id: str) -> int:
        return client_activity.trash_memories_by_app(user, client_id)
