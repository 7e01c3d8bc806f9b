"""Samples of tables: of any origin, and of products that have a form of their own."""

from zoneinfo import ZoneInfo

from tests.memories.portability.samples.sample import Expected, Sample, Zip

TABLE = frozenset({"table"})
BRUSSELS = {"zone": ZoneInfo("Europe/Brussels")}

CLIPPINGS = """\
\ufeffThe Hive (Ada Keeper)
- Your Highlight on page 12 | Location 170-172 | Added on Sunday, 5 January 2025 10:15:32

Bees dance.
==========
The Hive (Ada Keeper)
- Your Note on page 12 | Location 172 | Added on Sunday, 5 January 2025 10:16:00

Show this to Noor
==========
The Hive (Ada Keeper)
- Your Bookmark on page 14 | Location 200 | Added on Sunday, January 5, 2025 10:20:32 PM


==========
Faust (Johann Wolfgang von Goethe)
- Ihre Markierung auf Seite 15 | bei Position 200-210 | Hinzugefügt am Montag, 5. Januar 2015 21:41:19

Habe nun, ach!
==========
Notizen
- Ihre Notiz Position 9 | Hinzugefügt am Donnerstag, 25. April 2013 um 23:40:04 Uhr

Zeile 1
Zeile 2
==========
El campo (Inés)
- Tu subrayado en la página 10 | Ubicación 150-160 | Añadido el lunes, 1 de enero de 2024 11:00:00

El campo es grande
==========
Le pré (Luc)
- Votre surlignement sur la page 12 | emplacement 170-172 | Ajouté le dimanche 5 janvier 2025 10:15:32

Le pré est vert
==========
庭 (花子)
- 12ページ|位置No. 170-172のハイライト |作成日: 2025年1月5日日曜日 22:15:32

庭は広い
==========
园 (小红)
- 您在位置 #170-172的标注 | 添加于 2025年1月5日星期日 下午10:15:32

园子很大
==========
"""

NOTEBOOK = """\
<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE html><html><body><div class="bodyContainer">
<div class="notebookFor">Notebook for</div><div class="bookTitle">The Hive</div>
<div class="authors">Keeper, Ada</div><div class="sectionHeading">One</div>
<div class="noteHeading">Highlight (<span class="highlight_yellow">yellow</span>) - Dances &gt; Page 3</div>
<div class="noteText">Bees dance.</div><div class="noteHeading">Note - Dances &gt; Page 3</div>
<div class="noteText">Show this to Noor</div></div></body></html>
"""

NOTEBOOK_TABLE = """\
"Your Kindle Notes For:",,,
"THE HIVE",,,
"by Ada Keeper",,,
"Free Kindle instant preview:",,,
"https://a.example/x",,,
"----------------------------------------------",,,
,,,
"Annotation Type","Location","Starred?","Annotation"
"Highlight (Yellow)","Location 170","","Bees dance."
"Note","Location 171","","Show this to Noor"
"""

PICARD = (
    "\ufefftext,tags,visibility,created_at,expires_at,id,supersedes\r\n"
    '"I keep bees","[""a;b"",""c""]","private","2024-01-02T03:04:05Z","2999-01-01T00:00:00Z","u1",""\r\n'
    '"\'=1+1 is my sum","x;y","private","2024-01-03T00:00:00Z","","u2",""\r\n'
    '"Two\nlines","","private","","2999-06-01","u3",""\r\n'
    '"Ends some day","","private","","some day","u4",""\r\n'
)

TODOIST = """\
TYPE,CONTENT,DESCRIPTION,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE
meta,view_style=list,,,,,,,,
section,Garden,,,,,,,,
task,Buy seeds,for May,1,1,Ada (1),,every day,en,Europe/Brussels
note,Organic ones,,,,Ada (1),,,,
,,,,,,,,,
task,Sow,,4,1,Ada (1),,,en,
"""

READWISE = """\
Highlight,Book Title,Book Author,Amazon Book ID,Note,Color,Tags,Location Type,Location,Highlighted at,Document tags
Bees dance.,The Hive,Ada Keeper,B00X,For Noor,yellow,"bees, dance",page,3,2025-01-05 10:15:32+00:00,nature
"Honey, a lot",The Hive,Ada Keeper,B00X,,yellow,,page,9,,
"""

TABLES_SAMPLES: tuple[Sample, ...] = (
    Sample(
        "Picard's CSV with tags, ends and formulas",
        PICARD,
        (
            Expected("I keep bees", "2024-01-02T03:04:05", ("a;b", "c")),
            Expected("=1+1 is my sum", "2024-01-03", ("x", "y")),
            Expected("Two\nlines"),
        ),
        TABLE,
        left_out={("", "unread_expiry"): 1},
    ),
    Sample(
        "German Excel: semicolons, Windows-1252, dates, an end",
        "Notiz;Schlagwörter;Erstellt am;Gültig bis\r\nIch züchte Bienen;Garten;06.05.2024;31.12.2099\r\n"
        "Öl; Essig;;\r\n;;;\r\n".encode("cp1252"),
        (Expected("Ich züchte Bienen", "2024-05-06", ("Garten",)), Expected("Öl", "", ("Essig",))),
        TABLE,
        name="Notizen.csv",
    ),
    Sample(
        "Excel's UTF-16 text with tabs",
        "texte\tétiquettes\r\nJ'élève des abeilles\tjardin, miel\r\n\"Un\r\ndeux\"\t\r\n".encode("utf-16"),
        (Expected("J'élève des abeilles", "", ("jardin", "miel")), Expected("Un\ndeux")),
        TABLE,
        name="notes.txt",
    ),
    Sample(
        "Excel's separator line, a title above, empty rows",
        "sep=;\r\nMy memories;;\r\n;;\r\nText;Tags;Date\r\nI keep bees;a;2024-05-06\r\n;;\r\n",
        (Expected("I keep bees", "2024-05-06", ("a",)),),
        TABLE,
        name="x.csv",
        left_out={("x.csv", "not_a_memory"): 1},
    ),
    Sample(
        "titles, categories and other columns",
        "Title,Category,Content,Rating\nShoes,Sizes,Size 42,5\nHat,Sizes,,\n,,Loves tea,\n",
        (Expected("Shoes: Size 42", "", ("Sizes",)), Expected("Hat", "", ("Sizes",)), Expected("Loves tea")),
        TABLE,
        name="things.csv",
        notes={"fields_dropped": 1},
    ),
    Sample(
        "a table with bars, pasted",
        "nota|fecha\nCrío abejas|2024-05-06\nCorro|desconocido\n",
        (Expected("Crío abejas", "2024-05-06"), Expected("Corro")),
        TABLE,
    ),
    Sample(
        "texts with the delimiter in them, and a quote that is not closed",
        'text,tags\nI like tea, coffee,food\nI run,sport\n"I hike,nature\nI swim,sport\n',
        (Expected("I run", "", ("sport",)), Expected("I hike,nature"), Expected("I swim", "", ("sport",))),
        TABLE,
        name="x.csv",
        left_out={("x.csv", "not_a_memory"): 1},
    ),
    Sample(
        "one column without a header",
        "I keep bees, and hens\nI run\nI live in Lier, near the river\n",
        (Expected("I keep bees, and hens"), Expected("I run"), Expected("I live in Lier, near the river")),
        TABLE,
        name="list.csv",
    ),
    Sample(
        "measurements, a bank's and a note beside each other",
        Zip({
            "weight.csv": "date,value\n2025-01-01,81.2\n2025-01-02,81.0\n",
            "bank.csv": "Dato;Tekst;Beløb;Saldo\n01.02.2025;Kaffe;-3,20;100\n",
            "mine.csv": "memory\nI keep bees\n",
        }),
        (Expected("I keep bees"),),
        TABLE,
        left_out={("weight.csv", "unknown_table"): 1, ("bank.csv", "unknown_table"): 1},
    ),
    Sample(
        "a column chosen by name",
        "Date,Weight,Notes\n2025-01-01,81.2,Felt good\n2025-01-02,81.0,\n",
        (Expected("Felt good", "2025-01-01"),),
        TABLE,
        name="w.csv",
        options={"text_column": "notes"},
        left_out={("w.csv", "blank"): 1},
        notes={"fields_dropped": 1},
    ),
    Sample(
        "a column chosen by number in a table without a header",
        "I keep bees in a hive,garden\nI run every day,sport\n",
        (Expected("I keep bees in a hive"), Expected("I run every day")),
        TABLE,
        name="x.csv",
        options={"text_column": "1"},
        notes={"fields_dropped": 2},
    ),
    Sample(
        "chat messages by role, and what is in the trash",
        (
            ("chat.csv", "role,content\nuser,I keep bees\nassistant,You are a genius\nsystem,Be kind\n"),
            ("notes.csv", "content,deleted\nOld,true\nNew,false\n"),
        ),
        (Expected("I keep bees"), Expected("New")),
        TABLE,
        left_out={
            ("chat.csv", "of_the_assistant"): 1, ("chat.csv", "no_text"): 1, ("notes.csv", "in_trash"): 1
        },
    ),
    Sample(
        "Airtable: a name and notes",
        "Name,Notes,Status,Attachments\nBees,I keep them in Lier,Done,\n",
        (Expected("Bees: I keep them in Lier"),),
        TABLE,
        name="Grid view.csv",
        options={"text_column": "Notes"},
        notes={"fields_dropped": 1},
    ),
    Sample(
        "Readwise",
        READWISE,
        (
            Expected(
                "Bees dance.\n\nNote: For Noor\n\n— The Hive, Ada Keeper", "2025-01-05T10:15:32",
                ("bees", "dance", "nature"),
            ),
            Expected("Honey, a lot\n\n— The Hive, Ada Keeper"),
        ),
        frozenset({"readwise"}),
        name="readwise-data.csv",
    ),
    Sample(
        "Kindle: My Clippings.txt in several languages",
        CLIPPINGS,
        (
            Expected("Bees dance.\n\n— The Hive, Ada Keeper", "2025-01-05T09:15:32", ("The Hive",)),
            Expected("Show this to Noor\n\n— The Hive, Ada Keeper", "2025-01-05T09:16:00", ("The Hive",)),
            Expected("Habe nun, ach!\n\n— Faust, Johann Wolfgang von Goethe", "2015-01-05T20:41:19", ("Faust",)),
            Expected("Zeile 1\nZeile 2\n\n— Notizen", "2013-04-25T21:40:04", ("Notizen",)),
            Expected("El campo es grande\n\n— El campo, Inés", "2024-01-01T10:00:00", ("El campo",)),
            Expected("Le pré est vert\n\n— Le pré, Luc", "2025-01-05T09:15:32", ("Le pré",)),
            Expected("庭は広い\n\n— 庭, 花子", "2025-01-05T21:15:32", ("庭",)),
            Expected("园子很大\n\n— 园, 小红", "2025-01-05T21:15:32", ("园",)),
        ),
        frozenset({"kindle"}),
        name="My Clippings.txt",
        options=BRUSSELS,
        left_out={("My Clippings.txt", "blank"): 1},
    ),
    Sample(
        "Kindle: a notebook as HTML and as CSV, beside notes",
        Zip({"The Hive-Notebook.html": NOTEBOOK, "hive.csv": NOTEBOOK_TABLE}),
        (
            Expected("Bees dance.\n\n— The Hive, Keeper, Ada", "", ("The Hive",)),
            Expected("Show this to Noor\n\n— The Hive, Keeper, Ada", "", ("The Hive",)),
            Expected("Bees dance.\n\n— THE HIVE, Ada Keeper", "", ("THE HIVE",)),
            Expected("Show this to Noor\n\n— THE HIVE, Ada Keeper", "", ("THE HIVE",)),
        ),
        frozenset({"kindle_notebook"}),
    ),
    Sample(
        "Anki: notes in plain text with HTML",
        "#separator:tab\n#html:true\n#tags column:3\nCapital of Belgium\tBrussels<br>(<b>Bruxelles</b>)\tgeo eu\n"
        '"My ""bee"""\t<img src="bee.jpg">\t\n<img src="hive.jpg">\t[sound:hum.mp3]\t\n',
        (Expected("Capital of Belgium\nBrussels\n(Bruxelles)", "", ("geo", "eu")), Expected('My "bee"')),
        frozenset({"anki"}),
        name="All.txt",
        left_out={("All.txt", "no_text"): 1},
        notes={"attachments_dropped": 1},
    ),
    Sample(
        "Todoist: tasks with sections, dates and comments",
        TODOIST,
        (
            Expected("Buy seeds\nfor May\nDate: every day\nOrganic ones", "", ("Garden",)),
            Expected("Sow", "", ("Garden",)),
        ),
        frozenset({"todoist"}),
        name="Home.csv",
    ),
)  # fmt: skip
