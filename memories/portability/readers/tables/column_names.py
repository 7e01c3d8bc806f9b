"""The names that columns of tables have, in the languages in which people write them, in small letters."""


def _split(names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(name.split()) for name in names.split(",") if name.strip()))


# What is a text for sure.
TEXTS = _split("""
text, memory, memories, content, contents, fact, facts, statement, entry, memory text, memory content, raw text,
note text, inhalt, erinnerung, erinnerungen, notiztext, eintrag, texte, contenu, souvenir, souvenirs, mémoire, texto,
contenido, conteudo, recuerdo, recuerdos, memoria, conteúdo, memória, lembrança, testo, contenuto, ricordo, ricordi,
tekst, inhoud, herinnering, herinneringen, treść, wspomnienie, innehåll, indhold, innhold, minne, minnen, minde, текст,
содержание, воспоминание, metin, içerik, anı, テキスト, 本文, 内容, 記憶, メモリ, 文本, 內容, 正文, 记忆, 텍스트, 내용,
기억
""")
# What is a text if the table has no other columns than those that go with one.
NOTES = _split("""
note, notes, description, descriptions, comment, comments, body, quote, detail, details, remark, remarks, observation,
insight, thought, thoughts, idea, my notes, personal notes, notiz, notizen, beschreibung, kommentar, bemerkung,
anmerkung, gedanke, commentaire, commentaires, remarque, remarques, nota, notas, descripción, comentario, comentarios,
descrição, comentário, anotação, anotações, descrizione, commento, appunto, appunti, notitie, notities, beschrijving,
opmerking, opmerkingen, notatka, notatki, opis, anteckning, anteckningar, beskrivning, noter, notat, notater,
beskrivelse, заметка, заметки, описание, комментарий, not, notlar, açıklama, メモ, ノート, 備考, 説明, 笔记, 筆記, 备注,
備註, 描述, 메모, 노트, 설명
""")
TITLES = _split("""
title, name, subject, heading, headline, note title, titel, betreff, überschrift, titre, sujet, nom, título, titulo,
asunto, nombre, assunto, nome, titolo, oggetto, naam, onderwerp, tytuł, nazwa, rubrik, ämne, overskrift, emne,
заголовок, название, имя, başlık, タイトル, 件名, 题目, 标题, 標題, 제목
""")
TAGS = _split("""
tags, tag, labels, label, category, categories, folder, folders, topic, topics, type, group, notebook, project,
section, area, keywords, keyword, list, collection, kategorie, kategorien, schlagwort, schlagworte, schlagwörter,
stichwort, stichwörter, ordner, thema, themen, etiketten, typ, gruppe, bereich, catégorie, catégories, étiquette,
étiquettes, dossier, thème, thèmes, mots-clés, categoría, categorías, categoria, categorias, etiqueta, etiquetas,
carpeta, tema, temas, pasta, marcadores, palavras-chave, categorie, etichetta, etichette, cartella, argomento,
categorieën, trefwoord, trefwoorden, kategoria, kategorie, etykieta, etykiety, tagi, kategori, kategorier, etikett,
etiketter, mapp, mappe, категория, категории, теги, тег, метки, метка, папка, etiket, etiketler, klasör, カテゴリ,
カテゴリー, タグ, フォルダ, 分类, 分類, 标签, 標籤, 文件夹, 資料夾, 카테고리, 태그, 폴더
""")
# When a note was written: first the surest.
TIMES = _split("""
created at, created, created on, creation date, creation time, date created, created time, create time, createdat,
date added, dateadded, date saved, saved, date stored, stored at, stored on, learned on, remembered on, when,
added on, added at, added, saved at, saved on, timestamp, datetime, date, time, day, erstellt,
erstellt am, erstellungsdatum, hinzugefügt, hinzugefügt am, datum, date de création, créé, créé le, ajouté le, fecha de
creación, creado, creado el, fecha, data de criação, criado, criado em, data di creazione, creato, creato il, data,
aangemaakt, aangemaakt op, gemaakt, gemaakt op, toegevoegd, data utworzenia, utworzono, skapad, oprettet, opprettet,
dato, создано, дата создания, дата, oluşturulma, oluşturulma tarihi, tarih, 作成日, 作成日時, 日付, 创建时间, 创建日期,
建立時間, 日期, 생성일, 작성일, 날짜
""")
UPDATES = _split("""
updated at, updated, last updated, last modified, modified, modified at, date modified, last edited time, last edited,
updatedat, geändert, geändert am, zuletzt geändert, modifié, modifié le, modificado, última modificación, modificato,
ultima modifica, gewijzigd, gewijzigd op, zmodyfikowano, ändrad, ændret, endret, изменено, 更新日, 更新日時, 更新时间,
修改时间, 수정일
""")
ENDS = _split("""
expires at, expires, expires on, expiry, expiration, expiration date, expiry date, valid until, valid to, gültig bis,
läuft ab, läuft ab am, ablaufdatum, expire le, date d'expiration, caduca, fecha de caducidad, válido até, validade,
expira, valido fino a, scade, scadenza, verloopt, vervaldatum, geldig tot, ważne do, giltig till, gyldig til,
действует до, 有効期限, 过期时间, 有效期, 만료일
""")
# Technical columns, which no one misses.
TECHNICAL = _split("""
id, uuid, guid, row, row id, #, no, no., nr, nr., number, index, hash, version, source id, user id, userid, agent id,
run id, app id, score, embedding, content hash
""")
STATES = _split("status, state, zustand, estado, statut, stato")
ROLES = _split("role, sender, speaker, rolle, rol, rôle, papel, ruolo, роль, 角色, 役割")
TRASHED = _split("deleted, deleted at, trashed, is deleted, is trashed, in trash")
ARCHIVED = _split("archived, is archived, archived at")
# Columns that go with a note, and are told of if they are dropped.
ASIDES = _split("""
url, link, uri, source, author, status, priority, done, completed, favorite, favourite, starred, pinned, color, colour,
location, page, language, lang, quelle, autor, auteur, fuente, fonte, bron, estado, statut
""")
# A table with one of these is no list of notes, whatever its other columns are named: a bank's, a shop's, a meter's.
FIGURES = _split("""
amount, balance, debit, credit, iban, bic, currency, payee, payer, merchant, price, total, quantity, qty, betrag, saldo,
währung, soll, haben, buchungstag, valuta, umsatz, wertstellung, montant, solde, débit, crédit, devise, importe, moneda,
valor, quantia, importo, bedrag, kwota, belopp, beløb, сумма, баланс, валюта, tutar, bakiye, 金額, 金额, 残高, 余额,
餘額, 잔액, 금액, latitude, longitude, lat, lon, lng, elevation, heart rate, heartrate, steps, weight, weight (kg), bpm,
kwh, betrag (eur), betrag (€), amount (usd), amount (eur)
""")
# Who is no person, in a column of ROLES.
ASSISTANTS = frozenset(
    {
        "assistant",
        "ai",
        "model",
        "bot",
        "chatgpt",
        "claude",
        "gemini",
        "copilot",
        "grok",
        "agent",
        "assistent",
        "asistente",
        "assistente",
        "assistante",
        "ki",
        "ia",
        "ассистент",
        "助手",
        "アシスタント",
    }
)
MACHINES = frozenset({"system", "tool", "function", "developer"})
# What is written for a date that is not known.
UNDATED = frozenset({
    "unknown", "unknown date", "date unknown", "no date", "undated", "n/a", "na", "none", "?", "-", "–", "—", "null",
    "unbekannt", "datum unbekannt", "unbekanntes datum", "kein datum", "ohne datum", "inconnu", "inconnue",
    "date inconnue", "sans date", "desconocido", "desconocida", "fecha desconocida", "sin fecha", "desconhecido",
    "desconhecida", "data desconhecida", "sem data", "sconosciuto", "sconosciuta", "data sconosciuta", "senza data",
    "onbekend", "datum onbekend", "onbekende datum", "geen datum", "nieznana", "nieznany", "data nieznana", "okänt",
    "okänd", "ukjent", "ukendt", "неизвестно", "дата неизвестна", "без даты", "bilinmiyor", "tarih yok", "不明", "未知",
    "日付不明", "未知日期", "日期未知", "알 수 없음", "날짜 없음",
})  # fmt: skip
