"""Samples of the exports of note-taking apps."""

import json

from tests.memories.portability.samples.sample import Expected, Sample, Zip

KEEP_SHOES = {
    "color": "DEFAULT", "isTrashed": False, "isPinned": False, "isArchived": False, "title": "Shoes",
    "textContent": "Size 42", "textContentHtml": "<p>Size 42</p>", "userEditedTimestampUsec": 1714986429000000,
    "createdTimestampUsec": 1704449533000000, "labels": [{"name": "Sizes"}, {"name": "Family"}],
    "annotations": [{"source": "WEBLINK", "title": "Shop", "url": "https://shoes.example/42"}],
    "sharees": [{"isOwner": True, "type": "INDIVIDUAL", "email": "ada@example.org"}],
}  # fmt: skip
KEEP_LIST = {
    "isTrashed": False, "isArchived": True, "title": "Groceries", "userEditedTimestampUsec": 1704449533000000,
    "listContent": [{"text": "oat milk", "isChecked": False}, {"text": "rye bread", "isChecked": True}],
    "attachments": [{"filePath": "IMG_1.jpg", "mimetype": "image/jpeg"}],
}  # fmt: skip
KEEP_HTML = """<?xml version="1.0" ?><!DOCTYPE html><html><head><title>Bike</title><style>.x{}</style></head><body>
<div class="note"><div class="heading"><div class="meta-icons"></div>Jan 5, 2024, 10:12:13 AM</div>
<div class="title">Bike</div><div class="content">Lock code is at home.<br>Pump at &lt;4 bar&gt;</div>
<div class="content"><ul class="list"><li class="listitem"><span class="bullet">&#9744;</span>
<span class="text">oil chain</span></li><li class="listitem checked"><span class="bullet">&#9745;</span>
<span class="text">buy bell</span></li></ul></div>
<div class="chips"><span class="chip label"><span class="label-name">Garage</span></span></div></div></body></html>"""

KEEP_SAMPLES = (
    Sample(
        "Keep: notes, lists, labels, trash and HTML twins, in a folder named in German",
        Zip(
            {
                "Takeout/Notizen/Shoes.json": KEEP_SHOES,
                "Takeout/Notizen/Shoes.html": KEEP_HTML,
                "Takeout/Notizen/2024-01-05T11_12_13.json": KEEP_LIST,
                "Takeout/Notizen/Old.json": {**KEEP_SHOES, "isTrashed": True},
                "Takeout/Notizen/Picture.json": {
                    "isTrashed": False,
                    "title": "",
                    "textContent": "",
                    "userEditedTimestampUsec": 1,
                    "attachments": [{"filePath": "a.png", "mimetype": "image/png"}],
                },
                "Takeout/Notizen/IMG_1.jpg": b"\xff\xd8\xff\xe0\0\0",
                "Takeout/Notizen/Labels.txt": "Sizes\nFamily",
            }
        ),
        (
            Expected(
                "Shoes\n\nSize 42\n\nhttps://shoes.example/42", "2024-01-05T10:12:13", ("Sizes", "Family")
            ),
            Expected("Groceries\n\n[ ] oat milk\n[x] rye bread", "2024-01-05"),
        ),
        frozenset({"keep"}),
        left_out={
            ("Takeout/Notizen/Shoes.html", "same_content"): 1,
            ("Takeout/Notizen/Old.json", "in_trash"): 1,
            ("Takeout/Notizen/Picture.json", "no_text"): 1,
            ("Takeout/Notizen/IMG_1.jpg", "attachment"): 1,
            ("Takeout/Notizen/Labels.txt", "not_content"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Keep: only the HTML of a note",
        KEEP_HTML,
        (
            Expected(
                "Bike\n\nLock code is at home.\nPump at <4 bar>\n[ ] oil chain\n[x] buy bell",
                "2024-01-05T10:12:13",
                ("Garage",),
            ),
        ),
        frozenset({"keep"}),
        name="Bike.html",
    ),
    Sample(
        "Keep: one note alone, without title, with an unknown time",
        {"isTrashed": False, "textContent": "I am allergic to nuts.", "userEditedTimestampUsec": "long ago"},
        (Expected("I am allergic to nuts."),),
        frozenset({"keep"}),
        name="note.json",
        notes={"undated": 1},
    ),
)

APPLE_SAMPLES = (
    Sample(
        "Apple Notes: privacy.apple.com, nested folders, dates in a list, deleted notes",
        Zip(
            {
                "iCloud Notes/Notes/Shoe size/Shoe size.txt": "Shoe size\nI take 42.\n",
                "iCloud Notes/Notes/Family/Noor/Birthday_ Noor/Birthday_ Noor.txt": "Birthday: Noor\n4 May\n",
                "iCloud Notes/Notes/Family/Noor/Birthday_ Noor/IMG.jpeg": b"\xff\xd8\xff\0\0\0",
                "iCloud Notes/Recently Deleted/Old/Old.txt": "Old\nno more\n",
                "iCloud Notes/Notes Details.csv": "Title, Created On, Modified On, Pinned, Deleted, "
                "Drawing/Handwriting, ContentHash at Import\n"
                "Shoe size,04-12-2023 09:00:00,05-12-2023 09:00:00,No,No,No,\n"
                "Birthday: Noor,02-03-2022 10:00:00,02-03-2022 10:00:00,No,No,No,\n",
                "iCloud Notes/Shared Notes Info.csv": "Note, Shared On\n",
            }
        ),
        (
            Expected("Shoe size\nI take 42.", "2023-04-12T09:00"),
            Expected("Birthday: Noor\n4 May", "2022-02-03", ("Family", "Noor")),
        ),
        frozenset({"text_note"}),
        left_out={
            ("iCloud Notes/Notes/Family/Noor/Birthday_ Noor/IMG.jpeg", "attachment"): 1,
            ("iCloud Notes/Recently Deleted/Old/Old.txt", "in_trash"): 1,
            ("iCloud Notes/Notes Details.csv", "not_content"): 1,
            ("iCloud Notes/Shared Notes Info.csv", "not_content"): 1,
        },
    ),
    Sample(
        "Apple Notes: text files of a shortcut",
        Zip(
            {
                "My notes/Work/Standup.txt": "Every day at 9:15.\n",
                "My notes/Home/2023-11-02 Boiler.txt": "Boiler\n\nServiced by Jef.",
                "My notes/New Note.txt": "I sleep badly at full moon.",
            }
        ),
        (
            Expected("Standup\n\nEvery day at 9:15.", "", ("Work",)),
            Expected("2023-11-02 Boiler\n\nBoiler\n\nServiced by Jef.", "2023-11-02", ("Home",)),
            Expected("I sleep badly at full moon."),
        ),
        frozenset({"text_note"}),
    ),
    Sample(
        "Apple Notes: HTML of an exporter",
        Zip(
            {
                "Notes/Recipes/Soup.html": "<div><h1>Lentil soup</h1></div>\n<div>Red lentils, <b>cumin</b>.</div>\n"
                '<div><br></div>\n<ul><li>boil</li><li>stir</li></ul><div><img src="data:image/png;base64,QQ=="></div>',
                "Notes/Recipes/Empty.html": "<div><br></div>",
            }
        ),
        (Expected("Soup\n\nLentil soup\n\nRed lentils, cumin.\n\n- boil\n- stir"),),
        frozenset({"html_note"}),
        left_out={("Notes/Recipes/Empty.html", "blank"): 1},
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Apple Journal",
        Zip(
            {
                "AppleJournalEntries/index.html": '<html><body><a href="Entries/2024-11-03.html">3</a></body></html>',
                "AppleJournalEntries/Entries/2024-11-03.html": '<!doctype html><html><body>\n<p class="p1"><span '
                'class="s1"><div class="pageContainer">\n<div class="pageHeader">Sunday, 3 November 2024</div>\n'
                '<div class="assetGrid"><div id="P" class="gridItem assetType_photo"><img src="../Resources/P.jpeg"/>'
                '</div><div class="gridItem assetType_visit"><div class="gridItemOverlayHeader">Ghent Station</div>'
                '</div></div>\n<div class="title">First frost</div><div class="bodyText"></span></p>\n'
                '<p class="p2"><span class="s2">Walked to the canal.</span></p>\n</body></html>',
                "AppleJournalEntries/Resources/P.jpeg": b"\xff\xd8\xff\0\0",
                "AppleJournalEntries/Resources/P.json": {"date": 752313600, "placeName": "Ghent"},
            }
        ),
        (Expected("First frost\n\nWalked to the canal.\n\nGhent Station", "2024-11-03"),),
        frozenset({"apple_journal"}),
        left_out={
            ("AppleJournalEntries/index.html", "not_content"): 1,
            ("AppleJournalEntries/Resources/P.jpeg", "attachment"): 1,
            ("AppleJournalEntries/Resources/P.json", "not_content"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
)

ID = "1a2b3c4d5e6f708192a3b4c5d6e7f80"
NOTION_MARKDOWN = {
    f"Home {ID}0.md": f"# Home\n\n[Recipes](Recipes%20{ID}1.csv)\n\n[Ideas](Ideas%20{ID}2.md)\n",
    f"Recipes {ID}1.csv": '\ufeffName,Created,Tags\nLentil soup,"March 4, 2025 10:12 AM",dinner\n',
    f"Recipes {ID}1_all.csv": '\ufeffName,Created,Tags,Time\nLentil soup,"March 4, 2025 10:12 AM",'
    '"dinner, slow food",40 min\n'
    'Rye bread,"April 1, 2025 8:00 AM",baking,\n,,,\n',
    f"Recipes/Lentil soup {ID}9.md": "# Lentil soup\n\nCreated: March 4, 2025 10:12 AM\nTags: dinner, slow food\n"
    "Time: 40 min\n\nRed lentils and cumin, as in [Ideas](../Ideas%20" + ID + "2.md).\n\n"
    "![photo](Lentil%20soup/photo.png)\n",
    f"Ideas {ID}2.md": "# Ideas\n\n<aside>\n💡 Paint the hall.\n\n</aside>\n\n- [ ]  buy [paint](https://paint.example)\n",
    f"Untitled {ID}3.md": "# Untitled\n\n",
    f"Buy milk {ID}4.md": "# Buy milk\n\n",
}
NOTION_MEMORIES = (
    Expected("Rye bread", "2025-04-01T08:00", ("baking",)),
    Expected(
        "Lentil soup\n\nTime: 40 min\n\nRed lentils and cumin, as in Ideas.",
        "2025-03-04T10:12",
        ("dinner", "slow food"),
    ),
    Expected("Ideas\n\n💡 Paint the hall.\n\n- [ ]  buy [paint](https://paint.example)"),
    Expected("Buy milk"),
)
NOTION_HTML_PAGE = f"""<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"/>
<title>Noor</title>
<style>/* {"x" * 70_000} */</style></head><body><article id="{ID}5" class="page sans"><header>
<h1 class="page-title">Noor</h1><table class="properties"><tbody>
<tr class="property-row property-row-multi_select"><th><span class="icon property-icon"></span>Tags</th>
<td><span class="selected-value">family</span><span class="selected-value">best friends</span></td></tr>
<tr class="property-row property-row-created_time"><th>Created</th><td><time>@April 19, 2021 9:25 AM</time></td></tr>
<tr class="property-row property-row-checkbox"><th>Vegan</th><td><div class="checkbox checkbox-on"></div></td></tr>
</tbody></table></header><div class="page-body"><p>Loves <strong>horses</strong>.</p>
<ul class="to-do-list"><li><div class="checkbox checkbox-off"></div> <span class="to-do-children-unchecked">call</span>
</li></ul><figure class="link-to-page"><a href="Noor%20{ID}5/Gifts%20{ID}6.html">Gifts</a></figure></div>
</article></body></html>"""
PART = "Export-2b1c/Export-2b1c-Part-1.zip"

NOTION_SAMPLES = (
    Sample(
        "Notion: Markdown and tables, zip in zip",
        Zip({PART: NOTION_MARKDOWN}),
        NOTION_MEMORIES,
        frozenset({"notion"}),
        left_out={
            (f"{PART}/Home {ID}0.md", "no_personal_text"): 1,
            (f"{PART}/Recipes {ID}1.csv", "same_content"): 1,
            (f"{PART}/Recipes {ID}1_all.csv", "same_content"): 1,
            (f"{PART}/Recipes {ID}1_all.csv", "blank"): 1,
            (f"{PART}/Untitled {ID}3.md", "blank"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Notion: HTML with properties",
        Zip(
            {
                "Export/index.html": f'<html><body><h1>Export</h1><a href="Noor%20{ID}5.html">Noor</a></body></html>',
                f"Export/Noor {ID}5.html": NOTION_HTML_PAGE,
            }
        ),
        (
            Expected(
                "Noor\n\nVegan: Yes\n\nLoves horses.\n\n- [ ] call\n\nGifts",
                "2021-04-19T09:25",
                ("family", "best friends"),
            ),
        ),
        frozenset({"notion"}),
        left_out={("Export/index.html", "not_content"): 1},
    ),
    Sample(
        "Notion: one page, with a property that looks like none of an app",
        "# Ada\n\nColor: green\nDate: March 4, 2025 → March 6, 2025\n\nText.\n",
        (Expected("Ada\n\nColor: green\nDate: March 4, 2025 → March 6, 2025\n\nText."),),
        frozenset({"notion"}),
        name=f"Ada {ID}7.md",
        notes={"undated": 1},
    ),
)

OWN_ID, OLDER_ID = "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0e", "019c1f0f-7a10-7c3d-9b42-5f6a7b8c9d0f"
OWN_NOTE = f"""---
id: {OWN_ID}
created_at: '2025-03-04T10:12:00Z'
updated_at: '2025-03-05T10:12:00Z'
visibility: public
tags:
- '#sharp'
- quote"d
- back\\slash
expires_at: '2999-12-31T23:59:59Z'
supersedes: {OLDER_ID}
---

# Not a #tag: the text is as it was
"""

MARKDOWN_SAMPLES = (
    Sample(
        "Obsidian: properties, titles, nested and inline tags, settings, trash",
        Zip(
            {
                "Vault/202405061200.md": "---\ntitle: Tea ceremony\ntags:\n  - drinks/tea\n  - slow\naliases: [Cha]\n"
                "cssclass: wide\npublish: true\n---\nWater at 80 °C. #japan #80 `#no`\n\n```sh\n#!/bin/sh\n# no\n```\n"
                "## Links #no\nhttps://tea.example/#no and #slow\n",
                "Vault/People/Noor.md": "---\nbirthday: 4 May\nallergies: [nuts, kiwi]\nparents:\n  mother: Ada\n---\n",
                "Vault/Daily/2024-01-05.md": "Met [[Noor]]. ![[photo.png]]\n",
                "Vault/2024/03/09.md": "Rain.",
                "Vault/n.md": "---\nI am allergic to nuts.\n---\nI live in Lier.\n",
                "Vault/Broken.md": "---\ntitle: Tea: a history\ndate: 5 January 2024\n---\nLong.",
                "Vault/Stub.md": "",
                "Vault/Empty.md": "---\ntags: [x]\n---\n\n",
                "Vault/.obsidian/app.md": "settings",
                "Vault/.trash/Gone.md": "gone",
                "Vault/photo.png": b"\x89PNG\r\n\x1a\n\0\0\0",
            }
        ),
        (
            Expected(
                "Tea ceremony\n\nWater at 80 °C. #japan #80 `#no`\n\n```sh\n#!/bin/sh\n# no\n```\n## Links #no\n"
                "https://tea.example/#no and #slow",
                "2024-05-06T12:00",
                ("drinks/tea", "slow", "japan"),
            ),
            Expected("Noor\n\nbirthday: 4 May\nallergies: nuts, kiwi\nparents: mother: Ada"),
            Expected("Met [[Noor]]. ![[photo.png]]", "2024-01-05"),
            Expected("Rain.", "2024-03-09"),
            Expected("n\n\n---\nI am allergic to nuts.\n---\nI live in Lier."),
            Expected("Tea: a history\n\nLong.", "2024-01-05"),
        ),
        frozenset({"markdown"}),
        left_out={
            ("Vault/Stub.md", "blank"): 1,
            ("Vault/Empty.md", "blank"): 1,
            ("Vault/.obsidian/app.md", "not_content"): 1,
            ("Vault/.trash/Gone.md", "in_trash"): 1,
            ("Vault/photo.png", "attachment"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Picard: its own Markdown export, with expiry, visibility and tags",
        Zip(
            {
                "2025-03-04-5f6a7b8c9d0e.md": OWN_NOTE,
                "2025-03-04-unread.md": OWN_NOTE.replace("2999-12-31T23:59:59Z", "some day"),
            }
        ),
        (
            Expected(
                "# Not a #tag: the text is as it was",
                "2025-03-04T10:12",
                ("#sharp", 'quote"d', "back\\slash"),
            ),
        ),
        frozenset({"markdown"}),
        left_out={("2025-03-04-unread.md", "unread_expiry"): 1},
    ),
    Sample(
        "Markdown: one note with properties, pasted",
        "---\ncreated: 2025-02-03\ntags: food, home baking\nrating: 5\n---\nHydration is 70 %.",
        (Expected("rating: 5\n\nHydration is 70 %.", "2025-02-03", ("food", "home baking")),),
        frozenset({"markdown"}),
    ),
    Sample(
        "Markdown: Hugo with TOML, and a date that cannot be read",
        Zip(
            {
                "content/ovens.md": "+++\ntitle = 'Ovens'\ndate = 2024-01-05T10:00:00Z\n"
                "tags = ['clay']\n+++\nMine is hot.",
                "content/later.md": "---\ndate: some day\nauthor: Ada\n---\nText.",
            }
        ),
        (
            Expected("Ovens\n\nMine is hot.", "2024-01-05T10:00", ("clay",)),
            Expected("later\n\ndate: some day\nauthor: Ada\n\nText."),
        ),
        frozenset({"markdown"}),
        notes={"undated": 1},
    ),
    Sample(
        "Markdown: Windows-1252 and old Mac line ends",
        Zip({"a/Caf\u00e9.md": "Mon caf\xe9 est ferm\xe9 le lundi.\rSauf en \xe9t\xe9.\r".encode("cp1252")}),
        (Expected("Café\n\nMon café est fermé le lundi.\nSauf en été."),),
        frozenset({"markdown"}),
    ),
    Sample(
        "Obsidian: drawing of Excalidraw",
        "---\nexcalidraw-plugin: parsed\ntags: [excalidraw]\n---\n==⚠  Switch to EXCALIDRAW VIEW ⚠==\n\n"
        "# Excalidraw Data\n\n"
        "## Text Elements\nFront door ^a1B2c3D4\n\nBack door ^e5F6g7H8\n\n%%\n"
        "## Drawing\n```compressed-json\nN4Ig\n```\n%%",
        (Expected("House.excalidraw\n\nFront door\n\nBack door", "", ("excalidraw",)),),
        frozenset({"markdown"}),
        name="House.excalidraw.md",
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "basic-memory: observations and relations",
        "---\ntitle: Coffee\ntype: note\npermalink: coffee\ntags:\n- drinks\ncreated: 2025-04-02\n---\n\n# Coffee\n\n"
        "## Observations\n- [preference] Filter, not espresso #morning (since 2020)\n"
        "- [fact] The grinder is a Baratza\n\n"
        "## Relations\n- pairs_with [[Rye bread]]\n",
        (
            Expected(
                "Coffee: Filter, not espresso #morning (since 2020)",
                "2025-04-02",
                ("drinks", "preference", "morning"),
            ),
            Expected("Coffee: The grinder is a Baratza", "2025-04-02", ("drinks", "fact")),
            Expected("# Coffee\n\n## Relations\n- pairs_with [[Rye bread]]", "2025-04-02", ("drinks",)),
        ),
        frozenset({"markdown"}),
        name="coffee.md",
    ),
    Sample(
        "Logseq: pages, journals, properties, backups",
        Zip(
            {
                "graph/pages/Bees.md": "tags:: hobby, [[out doors]]\nhives:: 3\n\n- They are Buckfast.\n  id:: 64a1\n"
                "\t- Swarmed in May #[[to do]] #spring\n\t  collapsed:: true\n",
                "graph/pages/Work%2FPlans.md": "- Ship it.\n",
                "graph/journals/2024_01_05.md": "- Met Bo.\n- ![photo](../assets/a.png)\n",
                "graph/journals/2024_01_06.md": "-\n",
                "graph/logseq/config.edn": "{:meta/version 1}",
                "graph/logseq/bak/pages/Bees/2024.md": "- They were Carnica.\n",
                "graph/logseq/.recycle/pages_Old.md": "- Old.\n",
            }
        ),
        (
            Expected(
                "Bees\n\nhives: 3\n\n- They are Buckfast.\n\t- Swarmed in May #[[to do]] #spring",
                "",
                ("hobby", "out doors", "to do", "spring"),
            ),
            Expected("Work/Plans\n\n- Ship it."),
            Expected("- Met Bo.\n- ![photo](../assets/a.png)", "2024-01-05"),
        ),
        frozenset({"logseq"}),
        left_out={
            ("graph/journals/2024_01_06.md", "blank"): 1,
            ("graph/logseq/config.edn", "not_content"): 1,
            ("graph/logseq/bak/pages/Bees/2024.md", "backup"): 1,
            ("graph/logseq/.recycle/pages_Old.md", "in_trash"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Obsidian: canvas, hash signs before tags, properties below the heading",
        Zip(
            {
                "V/House.canvas": {
                    "nodes": [
                        {
                            "id": "1",
                            "type": "text",
                            "text": "Paint the hall #todo",
                            "x": 0,
                            "y": 0,
                            "width": 9,
                        },
                        {"id": "2", "type": "file", "file": "Bees.md", "x": 0, "y": 9, "width": 9},
                    ],
                    "edges": [{"id": "3", "fromNode": "1", "toNode": "2"}],
                },
                "V/Bees.md": "---\ntags: #hobby #garden\nkeeper: [[Noor]]\nsee: [[A]], [[B]]\n---\nThree hives.",
                "V/Wax.md": "---\ntags:\n  - #bees\n  - craft\n---\nMelts at 62 °C.",
                "V/Trip.md": "# Trip\n\n**Created:** 2020-10-12T10:01:48\n**Tags:** sea, long walks\n\n"
                "We went by train.",
            }
        ),
        (
            Expected("Paint the hall #todo", "", ("todo",)),
            Expected("Bees\n\nkeeper: Noor\nsee: [[A]], [[B]]\n\nThree hives.", "", ("hobby", "garden")),
            Expected("Wax\n\nMelts at 62 °C.", "", ("bees", "craft")),
            Expected(
                "# Trip\n\n**Created:** 2020-10-12T10:01:48\n**Tags:** sea, long walks\n\nWe went by train.",
                "2020-10-12T10:01:48",
                ("sea", "long walks"),
            ),
        ),
        frozenset({"canvas", "markdown"}),
        left_out={("V/House.canvas", "no_personal_text"): 1},
    ),
    Sample(
        "Org mode: title, tags, drawers",
        Zip(
            {
                "roam/20240105120000-bees.org": ":PROPERTIES:\n:ID:       8f2c\n:END:\n#+title: Bees\n"
                "#+filetags: :hobby:garden:\n#+date: [2024-01-05 Fri 12:30]\n#+STARTUP: overview\n\n"
                "* Hives   :outdoor:\n"
                ":PROPERTIES:\n:BREED: Buckfast\n:END:\nThree of them. #not\n",
            }
        ),
        (
            Expected(
                "Bees\n\n* Hives   :outdoor:\nBREED: Buckfast\nThree of them. #not",
                "2024-01-05T12:30",
                ("outdoor", "hobby", "garden"),
            ),
        ),
        frozenset({"org"}),
    ),
    Sample(
        "Joplin: Markdown with front matter",
        Zip(
            {
                "Home/Boiler.md": "---\ntitle: Boiler\nupdated: 2024-02-01 10:00:00Z\ncreated: 2023-11-02 09:30:00Z\n"
                "latitude: 0.00000000\nlongitude: 0.00000000\naltitude: 0.0000\n"
                "completed?: no\ntags:\n  - house\n---\n\n"
                "Serviced by Jef.\n\n![plan](../_resources/plan.png)",
                "_resources/plan.png": b"\x89PNG\r\n\x1a\n\0\0\0",
            }
        ),
        (
            Expected(
                "Boiler\n\ncompleted?: no\n\nServiced by Jef.\n\n![plan](../_resources/plan.png)",
                "2023-11-02T09:30",
                ("house",),
            ),
        ),
        frozenset({"markdown"}),
        left_out={("_resources/plan.png", "attachment"): 1},
        notes={"attachments_dropped": 1},
    ),
)


def joplin_item(item_id: str, text: str, **fields: str) -> str:
    lines = [f"id: {item_id}", *(f"{key}: {value}" for key, value in fields.items())]
    return f"{text}\n\n" + "\n".join(lines)


JOPLIN_ID = "0123456789abcdef0123456789abcde"
JOPLIN_NOTE = {
    "parent_id": f"{JOPLIN_ID}1",
    "created_time": "2024-03-02T08:00:00.000Z",
    "updated_time": "2024-03-03T08:00:00.000Z",
    "is_conflict": "0",
    "source_url": "",
    "encryption_applied": "0",
    "deleted_time": "0",
    "type_": "1",
}
BEAR_INFO = {
    "version": 2,
    "type": "net.daringfireball.markdown",
    "net.shinyfrog.bear": {"creationDate": "2024-06-01T07:00:00Z", "trashed": 0, "archived": 0},
}
ENEX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE en-export SYSTEM "http://xml.evernote.com/pub/evernote-export4.dtd">
<en-export export-date="20250101T000000Z" application="Evernote" version="10">
<note><title>Passport</title><created>20240105T101213Z</created><updated>20240106T101213Z</updated><tag>travel</tag>
<tag>papers</tag><note-attributes><source-url>https://gov.example/pass</source-url></note-attributes>
<task><title>Renew it</title><created>20200101T000000Z</created><taskStatus>open</taskStatus></task>
<content><![CDATA[<?xml version="1.0"?><!DOCTYPE en-note SYSTEM "http://xml.evernote.com/pub/enml2.dtd"><en-note>
<div>Expires in <b>2031</b>&nbsp;&amp; lies in the desk.</div><div><br/></div><div><en-todo checked="true"/>photo</div>
<div><en-todo checked="false"/>form</div><table><tr><td><div>fee</div></td><td><div>65 euro</div></td></tr></table>
<en-media type="image/png" hash="a1"/></en-note>]]></content>
<resource><data encoding="base64">iVBORw0KGgo=</data><mime>image/png</mime><resource-attributes><file-name>p.png
</file-name></resource-attributes></resource></note>
<note><title>Untitled</title><content><![CDATA[<en-note><div>I run on Sundays.</div></en-note>]]></content></note>
<note><title>Untitled Note</title><content><![CDATA[<en-note><div><br/></div></en-note>]]></content></note>
</en-export>"""

APP_SAMPLES = (
    Sample(
        "Joplin: RAW folder with notebooks, tags and a deleted note",
        Zip(
            {
                f"raw/{JOPLIN_ID}0.md": joplin_item(f"{JOPLIN_ID}0", "Bees\n\nThree hives.", **JOPLIN_NOTE),
                f"raw/{JOPLIN_ID}1.md": joplin_item(f"{JOPLIN_ID}1", "Garden", parent_id="", type_="2"),
                f"raw/{JOPLIN_ID}2.md": joplin_item(f"{JOPLIN_ID}2", "hobby", parent_id="", type_="5"),
                f"raw/{JOPLIN_ID}3.md": joplin_item(
                    f"{JOPLIN_ID}3", "", note_id=f"{JOPLIN_ID}0", tag_id=f"{JOPLIN_ID}2", type_="6"
                ),
                f"raw/{JOPLIN_ID}4.md": joplin_item(
                    f"{JOPLIN_ID}4", "Old\n\nGone.", **{**JOPLIN_NOTE, "deleted_time": "1709452800000"}
                ),
            }
        ),
        (Expected("Bees\n\nThree hives.", "2024-03-02T08:00", ("Garden", "hobby")),),
        frozenset({"joplin"}),
        left_out={
            **{(f"raw/{JOPLIN_ID}{number}.md", "not_content"): 1 for number in (1, 2, 3)},
            (f"raw/{JOPLIN_ID}4.md", "in_trash"): 1,
        },
    ),
    Sample(
        "Bear: backup of text bundles",
        Zip(
            {
                "Backup/Rye bread.textbundle/text.md": "# Rye bread\n#food/baking #home cooking# #daily\n\n"
                "70 % water.\n"
                "![](assets/loaf.jpg)",
                "Backup/Rye bread.textbundle/info.json": BEAR_INFO,
                "Backup/Rye bread.textbundle/assets/loaf.jpg": b"\xff\xd8\xff\0\0",
                "Backup/Gone.textbundle/text.markdown": "# Gone\nx",
                "Backup/Gone.textbundle/info.json": {"net.shinyfrog.bear": {"trashed": 1}},
            }
        ),
        (
            Expected(
                "# Rye bread\n#food/baking #home cooking# #daily\n\n70 % water.\n![](assets/loaf.jpg)",
                "2024-06-01T07:00",
                ("home cooking", "food/baking", "daily"),
            ),
        ),
        frozenset({"text_bundle"}),
        name="Bear.bearbk",
        left_out={
            ("Backup/Rye bread.textbundle/info.json", "not_content"): 1,
            ("Backup/Rye bread.textbundle/assets/loaf.jpg", "attachment"): 1,
            ("Backup/Gone.textbundle/text.markdown", "in_trash"): 1,
            ("Backup/Gone.textbundle/info.json", "not_content"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Ulysses and others: TextPack without a folder",
        Zip(
            {
                "text.markdown": "# Garden\n\nThe quince needs shade.",
                "info.json": {"version": 2, "type": "net.daringfireball.markdown", "transient": True},
            }
        ),
        (Expected("# Garden\n\nThe quince needs shade."),),
        frozenset({"text_bundle"}),
        name="Garden.textpack",
        left_out={("info.json", "not_content"): 1},
    ),
    Sample(
        "Evernote: several notes of a notebook",
        ENEX,
        (
            Expected(
                "Passport\n\nExpires in 2031 & lies in the desk.\n\n[x] photo\n[ ] form\n\nfee | 65 euro\n\n"
                "[ ] Renew it\n\n"
                "https://gov.example/pass",
                "2024-01-05T10:12:13",
                ("travel", "papers"),
            ),
            Expected("I run on Sundays."),
        ),
        frozenset({"evernote"}),
        name="Papers.enex",
        left_out={("Papers.enex", "blank"): 1},
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Day One: a journal with places and photos",
        Zip(
            {
                "Travel.json": {
                    "metadata": {"version": "1.0"},
                    "entries": [
                        {
                            "uuid": "A1",
                            "creationDate": "2024-05-06T09:07:09Z",
                            "timeZone": "Europe/Brussels",
                            "text": "# Oostende\n\nThe sea\\. Cold\\!\n![](dayone-moment://9A2D)\n",
                            "starred": True,
                            "tags": ["sea", "long walks"],
                            "photos": [{"identifier": "9A2D", "md5": "aa"}],
                            "location": {
                                "placeName": "Pier",
                                "localityName": "Oostende",
                                "country": "Belgium",
                            },
                            "richText": '{"contents":[]}',
                            "weather": {"conditionsDescription": "Sunny"},
                        },
                        {
                            "uuid": "A2",
                            "creationDate": "2024-05-07T09:07:09Z",
                            "text": "![](dayone-moment://9A2E)",
                        },
                        "broken",
                    ],
                },
                "photos/aa.jpeg": b"\xff\xd8\xff\0\0",
            }
        ),
        (
            Expected(
                "# Oostende\n\nThe sea. Cold!\n\nPlace: Pier, Oostende, Belgium",
                "2024-05-06T09:07:09",
                ("Travel", "sea", "long walks"),
            ),
        ),
        frozenset({"day_one"}),
        left_out={
            ("Travel.json", "no_text"): 1,
            ("Travel.json", "not_a_memory"): 1,
            ("photos/aa.jpeg", "attachment"): 1,
        },
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Day One: a journal as text",
        "\tDate:\tJanuary 5, 2024 at 10:12:13 AM GMT+1\n\tWeather:\t3°C Cloudy\n\tTags:\tsea, long walks\n"
        "\tLocation:\tPier, Oostende, Belgium\n\n\n# Oostende\n\nThe sea.\n\n\n"
        "\tDate:\tJanuary 6, 2024 at 9:00:00 PM GMT+1\n\n\n\tIndented.\n",
        (
            Expected(
                "# Oostende\n\nThe sea.\n\nPlace: Pier, Oostende, Belgium",
                "2024-01-05T09:12:13",
                ("Travel", "sea", "long walks"),
            ),
            Expected("\tIndented.", "2024-01-06T20:00", ("Travel",)),
        ),
        frozenset({"day_one"}),
        name="Travel.txt",
    ),
    Sample(
        "Simplenote: JSON, its text files, trash",
        Zip(
            {
                "source/notes.json": {
                    "activeNotes": [
                        {
                            "id": "n1",
                            "content": "Wifi\r\nguest / welcome",
                            "creationDate": "2024-03-01T10:00:00.000Z",
                            "lastModified": "2024-03-02T11:30:00.000Z",
                            "tags": ["home"],
                            "pinned": True,
                        },
                        {"id": "n2", "content": " "},
                    ],
                    "trashedNotes": [{"id": "n3", "content": "Gone"}],
                },
                "Wifi.txt": "Wifi\r\nguest / welcome\r\n\r\nTags:\r\n  home\r\n",
                "trash/Gone.txt": "Gone",
            }
        ),
        (Expected("Wifi\r\nguest / welcome", "2024-03-01T10:00", ("home",)),),
        frozenset({"simplenote"}),
        left_out={
            ("source/notes.json", "blank"): 1,
            ("source/notes.json", "in_trash"): 1,
            ("Wifi.txt", "same_content"): 1,
            ("trash/Gone.txt", "in_trash"): 1,
        },
    ),
    Sample(
        "Standard Notes: decrypted backup with rich text and tags",
        Zip(
            {
                "Standard Notes Backup and Import File.txt": {
                    "version": "004",
                    "items": [
                        {
                            "uuid": "n1",
                            "content_type": "Note",
                            "created_at": "2024-01-05T10:00:00.000Z",
                            "updated_at": "2025-01-05T10:00:00.000Z",
                            "content": {
                                "title": "Door code",
                                "text": "It is on the fridge.",
                                "references": [],
                            },
                        },
                        {
                            "uuid": "n2",
                            "content_type": "Note",
                            "created_at": "2024-01-06T10:00:00.000Z",
                            "content": {
                                "title": "Plans",
                                "noteType": "super",
                                "text": json.dumps(
                                    {
                                        "root": {
                                            "type": "root",
                                            "children": [
                                                {
                                                    "type": "paragraph",
                                                    "children": [
                                                        {"type": "text", "text": "Paint "},
                                                        {"type": "text", "text": "the hall."},
                                                    ],
                                                },
                                                {
                                                    "type": "list",
                                                    "children": [
                                                        {
                                                            "type": "listitem",
                                                            "children": [{"type": "text", "text": "blue"}],
                                                        }
                                                    ],
                                                },
                                            ],
                                        }
                                    },
                                    separators=(",", ":"),
                                ),
                            },
                        },
                        {
                            "uuid": "n3",
                            "content_type": "Note",
                            "content": {"title": "x", "text": "y", "trashed": True},
                        },
                        {"uuid": "n4", "content_type": "Note", "content": "004:ab:cd"},
                        {
                            "uuid": "t1",
                            "content_type": "Tag",
                            "content": {
                                "title": "house",
                                "references": [{"uuid": "n1", "content_type": "Note"}],
                            },
                        },
                        {"uuid": "p1", "content_type": "SN|UserPreferences", "content": {}},
                    ],
                },
                "Items/Note/Door code-n1.txt": "It is on the fridge.",
                "Items/Tag/house-t1.txt": "{}",
            }
        ),
        (
            Expected("Door code\n\nIt is on the fridge.", "2024-01-05T10:00", ("house",)),
            Expected("Plans\n\nPaint the hall.\n- blue", "2024-01-06T10:00"),
        ),
        frozenset({"standard_notes"}),
        left_out={
            ("Standard Notes Backup and Import File.txt", "in_trash"): 1,
            ("Standard Notes Backup and Import File.txt", "unreadable"): 1,
            ("Items/Note/Door code-n1.txt", "same_content"): 1,
            ("Items/Tag/house-t1.txt", "same_content"): 1,
        },
    ),
    Sample(
        "Roam: pages and daily notes",
        [
            {
                "title": "Bees",
                "uid": "u1",
                "create-time": 1704449533000,
                "edit-time": 1704449633000,
                "children": [
                    {
                        "string": "Buckfast #hobby",
                        "uid": "b1",
                        "children": [{"string": "{{[[TODO]]}} buy frames"}],
                    },
                    {"string": "", "uid": "b2"},
                ],
            },
            {"title": "January 5th, 2024", "uid": "01-05-2024", "children": [{"string": "Met Bo."}]},
            {"title": "Stub", "uid": "u3"},
        ],
        (
            Expected("Bees\n\n- Buckfast #hobby\n  - [ ] buy frames", "2024-01-05T10:12:13", ("hobby",)),
            Expected("- Met Bo.", "2024-01-05"),
        ),
        frozenset({"roam"}),
        name="graph.json",
        left_out={("graph.json", "blank"): 1},
    ),
)

NOTE_SAMPLES: tuple[Sample, ...] = (
    *KEEP_SAMPLES,
    *APPLE_SAMPLES,
    *NOTION_SAMPLES,
    *MARKDOWN_SAMPLES,
    *APP_SAMPLES,
)
