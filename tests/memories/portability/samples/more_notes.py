"""More samples of notes: what apps keep beside them, and forms of the same that are rarer."""

import json

from tests.memories.portability.reading import zip_bytes
from tests.memories.portability.samples.sample import Expected, Sample, Zip

KEEP_NOTE = {
    "isTrashed": False, "isArchived": False, "title": "Miel", "textContent": "Chez Noor",
    "labels": [{"name": "À faire"}],
    "createdTimestampUsec": 1704449533000000, "userEditedTimestampUsec": 1714986429000000,
}  # fmt: skip
BOARD = """---

kanban-plugin: basic

---

## To do

- [ ] Buy a hive

%% kanban:settings
```
{"kanban-plugin":"basic"}
```
%%
"""
DOCUMENT = """# Hives

I keep two.

![][image1]

![sketch](data:image/png;base64,iVBORw0KGgo=)

[image1]: <data:image/png;base64,iVBORw0KGgo=>
"""
ENEX = """<?xml version="1.0" encoding="UTF-8"?>
<en-export><note><title>Packing</title><created>20240506T070809Z</created><content><![CDATA[<en-note>
<ul style="--en-todo:true;"><li style="--en-checked:true;"><div>tent</div></li>
<li style="--en-checked:false;"><div>stove</div></li></ul></en-note>]]></content></note></en-export>"""
EVERNOTE_HTML = (
    "<html><head><meta name='exporter-version' content='Evernote Mac 10'/>"
    "<meta name='keywords' content='food, winter'/>"
    "<meta name='created' content='2023-05-06 07:08:09 +0000'/><title>Soup</title></head>"
    "<body><div>Red lentils</div></body></html>"
)
WHATSAPP = (
    "[06/05/2024, 07:08:09] Noor: \u200eMessages and calls are end-to-end encrypted.\n"
    "[06/05/2024, 07:08:10] Ada: hi\nhow are you?\n\u200e[06/05/2024, 07:09:11] Noor: \u200eimage omitted\n"
)
ANDROID = (
    "5/6/24, 7:08 AM - Messages to this chat are end-to-end encrypted.\n5/6/24, 7:08 AM - Ada: hi\n"
    "5/6/24, 7:09 AM - Noor: hello\n5/6/24, 7:10 AM - Noor: how are you?\n"
)

MORE_NOTE_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "Keep: the list of labels under its French name",
        Zip({"Takeout/Keep/Miel.json": KEEP_NOTE, "Takeout/Keep/Étiquettes.txt": "À faire\nRecettes\n"}),
        (Expected("Miel\n\nChez Noor", "2024-01-05T10:12:13", ("À faire",)),),
        frozenset({"keep"}),
        left_out={("Takeout/Keep/Étiquettes.txt", "not_content"): 1},
    ),
    Sample(
        "Obsidian: templates, a board, notes of nothing but marks, an escape in a name",
        Zip(
            {
                "Vault/Templates/2024-01-05 Day.md": "# {{date}}\n\n- [ ] plan\n",
                "Vault/Templates/2024-01-05 Noor.md": "Noor is allergic to nuts.\n",
                "Vault/2024-01-05 Board.md": BOARD,
                "Vault/2024-01-05 rule.md": "---\n",
                "Vault/2024-01-05 task.md": "- [ ] \n",
                "Vault/2024-01-05 \x1b[31mred\nbees.md": "Two hives",
            }
        ),
        (
            Expected("2024-01-05 Noor\n\nNoor is allergic to nuts.", "2024-01-05"),
            Expected("2024-01-05 Board\n\n## To do\n\n- [ ] Buy a hive", "2024-01-05"),
            Expected("2024-01-05  [31mred bees\n\nTwo hives", "2024-01-05"),
        ),
        frozenset({"markdown"}),
        left_out={
            ("Vault/Templates/2024-01-05 Day.md", "not_content"): 1,
            ("Vault/2024-01-05 rule.md", "blank"): 1,
            ("Vault/2024-01-05 task.md", "blank"): 1,
        },
    ),
    Sample(
        "Google Docs: Markdown with its images as data",
        DOCUMENT,
        (Expected("# Hives\n\nI keep two."),),
        frozenset({"markdown"}),
        name="Hives.md",
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Evernote: a checklist of version 10",
        ENEX,
        (Expected("Packing\n\n- [x] tent\n- [ ] stove", "2024-05-06T07:08:09"),),
        frozenset({"evernote"}),
        name="Trips.enex",
    ),
    Sample(
        "Evernote: HTML with attributes in single quotes",
        EVERNOTE_HTML,
        (Expected("Soup\n\nRed lentils", "2023-05-06T07:08:09", ("food", "winter")),),
        frozenset({"html_note"}),
        name="Soup.html",
    ),
    Sample(
        "Bear: a backup of its old version",
        (
            (
                "Backup.bearbk",
                zip_bytes(
                    {
                        "Bees.bearnote/text.txt": "# Bees\n#my hives#\nTwo hives",
                        "Bees.bearnote/info.json": {
                            "version": 2,
                            "net.shinyfrog.bear": {"creationDate": "2024-05-06T07:08:09Z", "trashed": 0},
                        },
                    }
                ),
            ),
        ),
        (Expected("# Bees\n#my hives#\nTwo hives", "2024-05-06T07:08:09", ("my hives",)),),
        frozenset({"text_bundle"}),
        left_out={("Bees.bearnote/info.json", "not_content"): 1},
    ),
    Sample(
        "Day One: an entry that has its text only with styles",
        {
            "metadata": {"version": "1.0"},
            "entries": [
                {
                    "uuid": "A1",
                    "creationDate": "2024-05-06T07:08:09Z",
                    "richText": json.dumps(
                        {"contents": [{"text": "Met "}, {"text": "Noor."}, {"embeddedObjects": []}]}
                    ),
                }
            ],
        },
        (Expected("Met Noor.", "2024-05-06T07:08:09", ("Journal",)),),
        frozenset({"day_one"}),
        name="Journal.json",
    ),
    Sample(
        "WhatsApp: chats with others, of an iPhone and an Android, beside a list with dates",
        (
            ("_chat.txt", WHATSAPP),
            ("WhatsApp Chat with Noor.txt", ANDROID),
            ("mine.json", [{"text": "I keep bees."}]),
        ),
        (Expected("I keep bees."),),
        frozenset({"list"}),
        left_out={("_chat.txt", "unknown_kind"): 1, ("WhatsApp Chat with Noor.txt", "unknown_kind"): 1},
    ),
)
