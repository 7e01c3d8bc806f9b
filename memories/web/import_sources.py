"""Where people's memories are, and how to get them out: the tiles of the import page, in order of use."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class ImportSource:
    """A product. steps: how to get its export; comes: what is imported of it, and what is not."""

    name: object
    steps: tuple[object, ...]
    comes: object
    prompt: object = ""  # to copy into an assistant


# For assistants without an export of their memories.
MEMORY_PROMPT = _(
    "List everything that you remember about me, word for word and complete: saved memories, instructions, "
    "preferences, projects and facts from past chats. One entry per line, as: [YYYY-MM-DD] - entry. "
    "Write “unknown” if you do not know the date. Add nothing else."
)

IMPORT_SOURCES: tuple[ImportSource, ...] = (
    ImportSource(
        _("ChatGPT"),
        (
            _("In ChatGPT, open Settings > Data controls and choose Export data."),
            _("Open the e-mail from OpenAI and download the ZIP. The link works for a day."),
            _("Drop the ZIP above. It may have several parts: drop all of them together."),
        ),
        _(
            "Saved memories, custom instructions and your messages, also spoken ones. Not images and tool results."
        ),
    ),
    ImportSource(
        _("Claude"),
        (
            _("In Claude, open Settings > Privacy and choose Export data."),
            _("Open the e-mail from Anthropic and download every ZIP it links to."),
            _("Drop all of them above, together."),
        ),
        _("Memories, projects with their documents, your messages and text that you attached."),
    ),
    ImportSource(
        _("Any assistant"),
        (
            _("Copy the prompt below into a new chat with the assistant."),
            _("Copy the whole answer."),
            _("Paste it above."),
        ),
        _("One memory per entry, with its date. Introductions and closing sentences are left out."),
        MEMORY_PROMPT,
    ),
    ImportSource(
        _("Google Gemini"),
        (
            _("Open takeout.google.com, deselect all, and select My Activity."),
            _(
                "Under “All activity data included”, keep only Gemini Apps. Choose JSON or HTML as the format."
            ),
            _("Create the export, download the ZIP and drop it above."),
        ),
        _("Your prompts with their dates. The answers too, if you choose so under Options."),
    ),
    ImportSource(
        _("Google Keep"),
        (
            _("Open takeout.google.com, deselect all, and select Keep."),
            _("Create the export and download the ZIP."),
            _("Drop the ZIP above."),
        ),
        _("Notes and lists with their labels and dates. Not images, and not what is in the trash."),
    ),
    ImportSource(
        _("Apple Notes"),
        (
            _("On a Mac, select the notes and choose File > Export as > Markdown."),
            _("Or request a copy of your iCloud notes at privacy.apple.com and download the ZIP."),
            _("Drop the folder or the ZIP above."),
        ),
        _("One memory per note, with its date. Not images and attachments."),
    ),
    ImportSource(
        _("Notion"),
        (
            _("In Notion, open Settings > General and choose Export all workspace content."),
            _("Choose Markdown & CSV, with subpages, and download the ZIP."),
            _("Drop the ZIP above. ZIPs inside it are read too."),
        ),
        _("Pages with their properties, and the rows of databases. Not images and files."),
    ),
    ImportSource(
        _("Obsidian"),
        (
            _(
                "Find the folder of your vault: in Obsidian, right-click its name and choose Show in system explorer."
            ),
            _("Choose that folder above, or drop it there."),
            _("A ZIP of the folder works as well."),
        ),
        _("One memory per note, with its properties and tags. Not attachments and canvases."),
    ),
    ImportSource(
        _("mem0"),
        (
            _("In the dashboard, open Memories and export them as JSON."),
            _("Or save what get_all() returns as a JSON file."),
            _("Drop the file above."),
        ),
        _("Memories with categories, dates and expiry. Not the memories of agents."),
    ),
    ImportSource(
        _("OpenMemory"),
        (
            _("In OpenMemory, open Settings and choose Export."),
            _("Download the ZIP."),
            _("Drop the ZIP above."),
        ),
        _("Active memories with their categories and dates. Not deleted and archived ones."),
    ),
    ImportSource(
        _("MCP memory server"),
        (
            _("Find its file memory.jsonl: MEMORY_FILE_PATH in the settings of your app says where it is."),
            _("Or ask the assistant to call read_graph, and copy the result."),
            _("Drop the file above, or paste the result."),
        ),
        _("Each observation with its entity, and relations between entities."),
    ),
    ImportSource(
        _("Table or spreadsheet"),
        (
            _("In the spreadsheet, choose Save as or Download, and CSV as the format."),
            _("Drop the file above."),
            _("If the column with the texts is not clear, you can choose it then."),
        ),
        _("One memory per row, with tags and dates if it has columns for them."),
    ),
)
