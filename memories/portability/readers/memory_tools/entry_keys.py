"""The keys that entries of memory exports have in the wild, and what they tell."""

# Keys of texts, the first that an entry has; those of WEAK_TEXT_KEYS only if they are prose.
TEXT_KEYS = (
    "memory", "content", "text", "fact", "note", "observation", "preference", "memory_text", "memory_content",
    "memoryText", "memory_value", "page_content", "pageContent",
)  # fmt: skip
WEAK_TEXT_KEYS = (
    "value", "statement", "insight", "entry", "sentence", "notes", "summary", "data", "raw", "body", "description",
    "details", "information", "detail", "narrative", "markdown", "html", "plain_text", "plaintext",
)  # fmt: skip
TITLE_KEYS = ("title", "subject", "heading", "name", "memory_key")
TIME_KEYS = (
    "created_at", "createdAt", "created_at_iso", "create_time", "createTime", "created", "creation_date", "created_on",
    "creationDate", "timestamp", "date", "time", "datetime", "mentioned_at", "happened_at", "valid_at", "added_at",
    "updated_at", "updatedAt", "updateTime", "update_time", "updated", "modified", "last_modified", "lastModified",
)  # fmt: skip
EXPIRY_KEYS = (
    "expires_at", "expiresAt", "expiration_date", "expirationDate", "expires", "expiry", "expire_at", "expireAt",
    "expires_on", "expiresOn", "expiry_date", "expiryDate", "expiration", "valid_until", "validUntil", "ttl",
    "expireTime", "expire_time", "expiry_at", "forgetAfter", "forget_after", "delete_after", "deleteAfter",
)  # fmt: skip
# When a fact stops or stopped to hold: what is past is outdated.
END_KEYS = ("invalid_at", "invalidAt", "valid_to", "validTo", "expired_at", "expiredAt", "invalidated_at")
TAG_KEYS = ("tags", "tag", "categories", "category", "labels", "topics", "topic", "keywords", "containerTags")
HISTORY_KEYS = ("history", "versions", "previous_versions", "revisions")  # lists of earlier texts
ID_KEYS = ("id", "uuid", "memory_id", "memoryId", "_id")
INNER_KEYS = ("metadata", "metadata_", "temporal", "attributes", "lifecycle")  # objects with more of the same
ATTACHMENT_KEYS = ("attachments", "images", "image_url", "image", "files", "audio")
SUPERSEDES, SUPERSEDED_BY, SUPERSEDED = "supersedes", "superseded_by", "superseded"

STATE_KEYS = ("state", "status")
# Keys that tell a state by being set to anything but false; and those that do by being false.
SET_KEYS = {
    **dict.fromkeys(
        ("deleted_at", "deletedAt", "deleted", "is_deleted", "isDeleted", "isTrashed", "is_trashed", "trashed",
         "isForgotten", "is_forgotten", "forgotten"), "in_trash"
    ),
    **dict.fromkeys(("archived_at", "archivedAt", "archived", "is_archived", "isArchived"), "archived"),
    **dict.fromkeys(("paused", "is_paused", "disabled", "is_disabled", "isDisabled"), "paused"),
    **dict.fromkeys(("is_outdated", "outdated", "invalidated", "is_superseded", "isSuperseded"), "superseded"),
}  # fmt: skip
UNSET_KEYS = {
    **dict.fromkeys(("enabled", "is_enabled", "isEnabled", "is_active", "isActive", "active"), "paused"),
    **dict.fromkeys(("isLatest", "is_latest", "is_current", "isCurrent", "is_valid"), "superseded"),
}
NO_END = -1  # as a number of seconds to live
UNSET = (None, False, 0, "", "false", "False", "0", "null")
FALSE = (False, 0, "false", "False", "0")
# Keys whose texts say nothing of the person, or are used otherwise.
USED_KEYS = frozenset({
    *TITLE_KEYS, *TIME_KEYS, *EXPIRY_KEYS, *END_KEYS, *TAG_KEYS, *ID_KEYS, *INNER_KEYS, *ATTACHMENT_KEYS, *STATE_KEYS,
    "hash", "embedding", "vector", "embeddings", "source", "source_description", "url", "model", "prompt", "app_name",
    "user_id", "user_email", "user_agent", "previous_memory", "old_memory",
})  # fmt: skip
MAX_INNER_JSON = 100_000  # characters of JSON in a string
