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
            _("Add the ZIP above. It may have several parts: add all of them together."),
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
            _("Add all of them above, together."),
        ),
        _("Memories, projects with their documents, your messages, and text that you pasted or attached."),
    ),
    ImportSource(
        _("Any assistant"),
        (
            _(
                "Copy this prompt into a new chat with the assistant. The import prompts of Claude and Gemini work too."
            ),
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
            _("Create the export, download the ZIP and add it above."),
        ),
        _("Your prompts with their dates. The answers too, if you choose so under Options."),
    ),
    ImportSource(
        _("Google Keep"),
        (
            _("Open takeout.google.com, deselect all, and select Keep."),
            _("Create the export and download the ZIP."),
            _("Add the ZIP above."),
        ),
        _(
            "Notes and lists with their labels and dates, also archived ones. Not images and what is in the trash."
        ),
    ),
    ImportSource(
        _("Apple Notes"),
        (
            _("On a Mac, select the notes and choose File > Export as > Markdown."),
            _("Or request a copy of your iCloud notes at privacy.apple.com and download the ZIP."),
            _("Add the folder or the ZIP above."),
        ),
        _("One memory per note, with its date. Not images and attachments."),
    ),
    ImportSource(
        _("Notion"),
        (
            _("In Notion, open Settings > General and choose Export all workspace content."),
            _("Choose Markdown & CSV, with subpages, and download the ZIP."),
            _("Add the ZIP above. ZIPs inside it are read too."),
        ),
        _("One memory per page, with its properties and tags, and rows of databases. Not images and files."),
    ),
    ImportSource(
        _("Obsidian"),
        (
            _(
                "Find the folder of your vault: in Obsidian, right-click its name and choose Show in system explorer."
            ),
            _("Choose that folder above."),
            _("A ZIP of the folder works as well."),
        ),
        _("One memory per note, with its properties, tags and date, and cards of a canvas. Not attachments."),
    ),
    ImportSource(
        _("mem0"),
        (
            _("In the dashboard, open Memories and export them as JSON."),
            _("Or save what get_all() returns as a JSON file."),
            _("Add the file above."),
        ),
        _("Memories with categories, dates and expiry. Not the memories of agents."),
    ),
    ImportSource(
        _("OpenMemory"),
        (
            _("In OpenMemory, open Settings and choose Export."),
            _("Download the ZIP."),
            _("Add the ZIP above."),
        ),
        _("Active memories with their categories and dates. Not deleted and archived ones."),
    ),
    ImportSource(
        _("MCP memory server"),
        (
            _("Find its file memory.jsonl: MEMORY_FILE_PATH in the settings of your app says where it is."),
            _("Or ask the assistant to call read_graph, and copy the result."),
            _("Add the file above, or paste the result."),
        ),
        _("Each observation with its entity, and relations between entities."),
    ),
    ImportSource(
        _("Table or spreadsheet"),
        (
            _("In the spreadsheet, choose Save as or Download, and CSV as the format."),
            _("Add the file above."),
            _("If the column with the texts is not clear, you can choose it then."),
        ),
        _("One memory per row, with tags and dates if it has columns for them."),
    ),
)

# Fewer people use these; the page shows them on demand.
MORE_IMPORT_SOURCES: tuple[ImportSource, ...] = (
    ImportSource(
        _("Another Picard"),
        (
            _("On the other Picard, open Export."),
            _("Download JSON Lines, or everything."),
            _("Add the file above."),
        ),
        _("Everything: tags, visibility, expiry, dates, history and links. Not what is in the trash."),
    ),
    ImportSource(
        _("portable-ai-memory"),
        (
            _("In the other product, choose the export as portable-ai-memory."),
            _("Download the JSON file or the folder with conversations."),
            _("Add it above."),
        ),
        _("Memories with tags, dates, expiry and links, and your messages."),
    ),
    ImportSource(
        _("Microsoft Copilot"),
        (
            _("Open account.microsoft.com/privacy and choose Copilot."),
            _("Choose Export all activity history and download the file."),
            _("Add the file above."),
        ),
        _("Your messages with their dates. The answers too, if you choose so under Options."),
    ),
    ImportSource(
        _("DeepSeek"),
        (
            _("In DeepSeek, open Settings > Data and choose Export data."),
            _("Download the ZIP."),
            _("Add the ZIP above."),
        ),
        _("Your messages. Not the reasoning and searches of the assistant."),
    ),
    ImportSource(
        _("Grok"),
        (
            _("On accounts.x.ai, open Data and choose Download account data."),
            _("Download the ZIP from the link in the e-mail."),
            _("Add the ZIP above."),
        ),
        _("Your messages and the instructions of your projects. Not files that you attached."),
    ),
    ImportSource(
        _("Perplexity"),
        (
            _("Ask support@perplexity.ai for your data, or save threads with a browser extension."),
            _("Download the JSON files."),
            _("Add them above."),
        ),
        _("Your questions with their dates. The answers too, if you choose so under Options."),
    ),
    ImportSource(
        _("Le Chat"),
        (
            _("On admin.mistral.ai, open Privacy and choose Export my data."),
            _("Download the ZIP."),
            _("Add the ZIP above."),
        ),
        _("Your messages with their dates. The answers too, if you choose so under Options."),
    ),
    ImportSource(
        _("Evernote"),
        (
            _("In Evernote for desktop, open the menu of a notebook and choose Export notebook."),
            _("Choose ENEX as the format."),
            _("Add the ENEX files of all notebooks above."),
        ),
        _("One memory per note, with its tags and dates. Not images and attachments."),
    ),
    ImportSource(
        _("Day One"),
        (
            _("In Day One, open Settings > Import/Export and choose Export journal."),
            _("Choose JSON as the format."),
            _("Add the ZIP above."),
        ),
        _("One memory per entry, with its tags, date and place. Not photos."),
    ),
    ImportSource(
        _("Simplenote"),
        (
            _("In Simplenote, open Settings > Tools and choose Export notes."),
            _("Download the ZIP."),
            _("Add the ZIP above."),
        ),
        _("One memory per note, with its tags and dates. Not what is in the trash."),
    ),
    ImportSource(
        _("Logseq"),
        (
            _("Find the folder of your graph, which has the folders pages and journals."),
            _("Choose that folder above."),
            _("A ZIP of the folder works as well."),
        ),
        _("One memory per page or day, with its properties and tags. Not backups."),
    ),
    ImportSource(
        _("Joplin"),
        (
            _("In Joplin for desktop, choose File > Export all."),
            _("Choose RAW, or Markdown + Front Matter. Not JEX."),
            _("Choose the folder above."),
        ),
        _("One memory per note, with its notebook, tags and dates. Not attachments."),
    ),
    ImportSource(
        _("Bear, Standard Notes, Roam"),
        (
            _("Bear: choose File > Backup notes, or export as TextBundle."),
            _("Standard Notes: download a decrypted backup. Roam: choose Export all, as JSON."),
            _("Add the file or folder above."),
        ),
        _("One memory per note or page, with its tags and dates."),
    ),
    ImportSource(
        _("Kindle, Readwise"),
        (
            _("Kindle: connect it by USB and find My Clippings.txt in its folder documents."),
            _("Readwise: open the page Export and download CSV."),
            _("Add the file above."),
        ),
        _("One memory per highlight or note, with its book, author and date."),
    ),
    ImportSource(
        _("Anki, Todoist"),
        (
            _("Anki: choose File > Export, and Notes in Plain Text."),
            _("Todoist: open the menu of a project and choose Export as CSV."),
            _("Add the file above."),
        ),
        _("One memory per note with its tags and deck, or per task with its date and section."),
    ),
    ImportSource(
        _("Coding agents"),
        (
            _("Find CLAUDE.md, AGENTS.md, GEMINI.md or the folder of rules in your project."),
            _("Claude Code has memories and sessions in ~/.claude/projects; Codex has its own in ~/.codex."),
            _("Add the files or folders above."),
        ),
        _("Each rule and memory, and your messages of sessions. Not code and the results of tools."),
    ),
    ImportSource(
        _("Zep, Letta, LangGraph, Supermemory, Memobase"),
        (
            _("Export as JSON, or save what the API returns: facts, blocks, items, documents or profiles."),
            _("For Letta, an agent file (.af) works as well."),
            _("Add the files above."),
        ),
        _("What they know about you, with dates and ends of validity. Not what is about the agent."),
    ),
)
