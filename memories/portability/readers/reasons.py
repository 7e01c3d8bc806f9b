"""Why something that was given is not imported, and what is said of what is: the texts shown to the user."""

from django.utils.translation import gettext_lazy as _

# Why an entry or a file is not imported: the code, and the text shown to the user before its count.
REASONS = {
    # Entries
    "blank": _("empty"),
    "not_a_memory": _("invalid entries for this format"),
    "not_json": _("lines that are not valid JSON"),
    "null_character": _("contains a null character"),
    "surrogate": _("contains invalid Unicode (a lone surrogate)"),
    "expired": _("already expired"),
    "unread_expiry": _("has an expiry date that could not be understood"),
    "in_trash": _("in the trash or expired when they were exported"),
    "archived": _("archived when they were exported"),
    "unreadable": _("unreadable when they were exported"),
    "of_the_assistant": _("written by the assistant"),
    "of_an_agent": _("about an AI agent, not about you"),
    "paused": _("paused or switched off when they were exported"),
    "hidden": _("messages that the app hides"),
    "conversation": _("messages in conversations, which you excluded"),
    "no_text": _("images, tool calls and other messages without text"),
    "other_activity": _("activity other than messages"),
    "chatter": _("sentences around the list of memories"),
    "older": _("older than your version"),
    "superseded": _("marked as outdated in the file"),
    "repeated": _("repeated in the file"),
    "in_your_trash": _("in your trash"),
    "stopped": _("not imported yet when the import stopped"),
    "unlinked": _("links to a replaced memory that could not be kept"),
    # Files
    "no_memories": _("no memories found in it"),
    "unknown_kind": _("this kind of file is not supported"),
    "unknown_json": _("JSON of an unknown form"),
    "unknown_table": _("a table without a known text column: choose the column"),
    "not_content": _("settings and hidden files"),
    "attachment": _("images, sound, documents and other attachments"),
    "same_content": _("its content is imported from another file"),
    "no_personal_text": _("contains no memories"),
    "not_text": _("not a text file"),
    "save_as_csv": _("save it as CSV and import that"),
    "export_as_text": _("export it as plain text and import that"),
    "export_as_markdown": _("export it as Markdown and import that"),
    "pack_as_zip": _("pack its files as a ZIP and import that"),
    "broken": _("damaged or incomplete: what follows the damage is missing"),
    "broken_zip": _("a damaged ZIP"),
    "locked_zip": _("a ZIP with a password"),
    "too_deep_zip": _("a ZIP nested in too many ZIPs"),
    "too_large": _("too large"),
    "backup": _("backups that the app keeps of its notes"),
    "link": _("links to other files"),
}

# What is said of memories that are imported: the code, and the text shown to the user before their count.
NOTES = {
    "undated": _("without a date that could be understood"),
    "tags_dropped": _("with more or longer tags than a memory can have"),
    "attachments_dropped": _("without their images and attachments"),
    "fields_dropped": _("without some of their columns or properties"),
    "several_users": _("of several users of the other product, each with a tag that names the user"),
}

# The reason of an entry that its file says to be in a state, by the words that products have for it.
REASONS_OF_STATES = {
    **dict.fromkeys(("deleted", "trashed", "trash", "removed", "forgotten", "purged", "delete"), "in_trash"),
    **dict.fromkeys(("archived", "archive"), "archived"),
    **dict.fromkeys(("paused", "inactive", "disabled", "suspended"), "paused"),
    **dict.fromkeys(
        ("superseded", "deprecated", "retracted", "outdated", "invalid", "invalidated", "obsolete", "replaced",
         "stale"),
        "superseded",
    ),
    **dict.fromkeys(("expired",), "expired"),
}  # fmt: skip
