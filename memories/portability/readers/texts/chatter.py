"""Sentences that an assistant writes around a list of memories, in the languages that are told apart.

The import prompts of Claude and Gemini ask for some of them ("whether this is the complete set", "Imported from: …").
A sentence is only taken for one of these if it begins like one and speaks to the user or of the list.
"""

import re

from memories.portability.readers.texts.lines import SENTENCE_ENDS

MAX_CHARACTERS = 400
SIGNS_BEFORE = re.compile(r"^(?:(?![\"'“«‘¿¡#@$€£\[])[\W_])+")  # such as emoji
SIGNS_AFTER = re.compile(r"(?:(?![\"'”»’:：)\]%])[\W_])+$")

# Per language: how an opening begins, and of what it speaks.
OPENINGS = (
    (  # English
        r"sure|of course|certainly|absolutely|okay|ok|great|happy to|here('s| is| are| you go)|below (is|are)|based on|"
        r"from (our|what)|these are|the following|this is|i('ve| have) (stored|saved|compiled|gathered|collected|"
        r"put|exported|listed|organi[sz]ed)|as requested|everything i|all (of )?(the )?(stored )?memories|"
        r"what i (know|remember|have stored)|(and |now )?(here('s| is) )?part \d+",
        r"you|your|yours|you've|user|memory|memories|stored|conversations?|i (know|remember|have)|i've|part \d+|"
        r"(the|a|my|your) (\w+ )?(list|summary|overview|table|export|json|file|facts)|(in|as) json",
    ),
    (  # German
        r"klar|gerne?|natürlich|sicher|selbstverständlich|hier (ist|sind|findest|finden|kommt|kommen)|nachfolgend|"
        r"im folgenden|ich habe (mir )?(die )?folgenden?|das (ist|weiß)|dies(es)? (ist|sind)|folgendes|"
        r"alles,? was ich|basierend auf|"
        r"was ich über (dich|sie)",
        r"du|dich|dir|dein\w*|ihnen|über sie|ihre\w?|erinnerung\w*|gespeichert\w*|gespräch\w*|nutzer\w*|"
        r"(die|eine) (\w+ )?(liste|übersicht|zusammenfassung|tabelle)",
    ),
    (  # French
        r"bien sûr|voici|voilà|ci-dessous|d'après|selon|d'accord|avec plaisir|j'ai (enregistré|conservé|mémorisé)|"
        r"tout ce que|ce que je sais",
        r"vous|votre|vos|toi|te|ton|ta|tes|mémoires?|souvenirs?|enregistr\w*|conversations?|utilisat\w*|"
        r"(la|une|le|un) (\w+ )?(liste|résumé|tableau)",
    ),
    (  # Spanish
        r"claro|por supuesto|aquí (está|están|tienes|tiene|va|van)|a continuación|esto es|estos son|según|"
        r"basándome|todo lo que|lo que sé|he (guardado|almacenado)|con gusto",
        r"ti|tu|tus|te|usted|memorias?|recuerdos?|recuerdo de|guardad\w*|almacenad\w*|conversacion\w*|usuari\w*|"
        r"(la|una|el|un) (\w+ )?(lista|resumen|tabla)",
    ),
    (  # Portuguese
        r"claro|com certeza|aqui (está|estão|vai|vão)|seguem?|abaixo (está|estão)|isto é|este é|isso é|com base|"
        r"tudo o que|o que (eu )?sei",
        r"você|seus?|suas?|te|ti|teus?|tuas?|memórias?|lembranças?|salv[ao]s?|armazenad\w*|guardad\w*|conversas?|"
        r"usuári\w*|utilizador\w*",
    ),
    (  # Italian
        r"certo|certamente|ecco|di seguito|qui (trovi|sotto)|questo è|questi sono|in base|tutto (ciò|quello) che|"
        r"quello che so|ho (salvato|memorizzato)|volentieri",
        r"te|ti|tu|tuo|tua|tue|tuoi|lei|memori\w*|ricord[io]|salvat\w*|memorizzat\w*|conversazion\w*|utente|"
        r"(la|una|un|l'|il) ?(\w+ )?(lista|elenco|riepilogo|tabella)",
    ),
    (  # Dutch
        r"natuurlijk|zeker|hier (is|zijn|volgt|volgen|vind)|hieronder|dit (is|zijn)|op basis van|alles wat|"
        r"wat ik over|graag",
        r"je|jou|jouw|u|uw|herinnering\w*|opgeslagen|bewaard\w*|onthouden|gesprek\w*|gebruiker\w*|"
        r"(de|een|het) (\w+ )?(lijst|overzicht|samenvatting|tabel)",
    ),
    (  # Polish
        r"jasne|oczywiście|oto|poniżej|na podstawie",
        r"ciebie|tobie|twoj\w*|twój|pan[aiu]|wspomnie\w*|pamię\w*|zapisan\w*|rozm\w*|użytkownik\w*",
    ),
    (  # Swedish, Danish, Norwegian
        r"självklart|här är|nedan|visst|selvfølgelig|her er|nedenfor|naturligvis|allt (som )?jag|alt jeg",
        r"dig|din|ditt|dina|deg|dine|minne\w*|minder|sparat\w*|sparade|lagre[dt]\w*|gemt\w*|samtal\w*|bruker\w*|"
        r"användar\w*|bruger\w*",
    ),
    (  # Russian
        r"конечно|вот|ниже|это (всё|все)|на основе|хорошо",
        r"тебе|тебя|вас|вам|вы|ваш\w*|твои\w*|воспоминани\w*|памят\w*|сохран\w*|разговор\w*|пользовател\w*",
    ),
    (  # Ukrainian
        r"звісно|звичайно|ось|нижче|це все",
        r"тебе|вас|вам|твої\w*|ваш\w*|спогад\w*|пам'ят\w*|збереж\w*|розмов\w*|користувач\w*",
    ),
    (  # Arabic
        r"إليك|بالتأكيد|بالطبع|حسن[اًا]*|فيما يلي|هذا (كل )?ما|هذه (هي )?(كل )?",
        r"عنك|عنكِ|لك|لكِ|ذاكر\w*|ذكريات\w*|محفوظ\w*|أعرفه?|أتذكره?|محادثات\w*",
    ),
    (r"tabii|elbette|işte|aşağıda", r"sen|sizin|senin|seni|hakkı\w*|anı\w*|kayıtlı|hafıza\w*|kullanıcı\w*"),
)
# The same without spaces between words.
OPENINGS_UNSPACED = (
    (
        r"以下|こちら|もちろん|これまで|保存|あなたについて|現在",
        r"あなた|ユーザー|記憶|保存|メモリ|会話|覚えて",
    ),
    (
        r"以下|这是|這是|好的|当然|當然|根据|根據|下面|我(记得|記得|知道)",
        r"你|您|记忆|記憶|存储|儲存|保存|对话|對話|用户|用戶",
    ),
    (r"다음은|물론|네[,.]|아래는|여기", r"당신|사용자|기억|저장|메모리|대화|대해"),
)

# How a closing begins; it speaks to the user or of the list by that alone.
CLOSINGS = (
    # English
    r"(?:is there )?any(?:thing (?:else|more)| questions| corrections| changes)\b(?=[^.]{,60}\?)|"
    r"let me know|is there anything (else|you)|would you like|feel free|if there('s| is| are) (anything|something)|"
    r"(export(ed)?|generated|last updated)( on| date)?:? ?\d{4}-|if you('d| would|'ll)? (like|want|need|prefer|"
    r"notice|spot|see)|do you want (me|more|any)|i hope this|nothing (more|else) remains|no (more|further|other|"
    r"additional) (memories|entries|items|facts|stored)|end of (the )?(export|list|memories|output)|want me to|"
    r"you can (now )?(copy|paste)|(shall|should) i|imported from:|my ai name is|i (don't|do not) (currently )?(have|"
    r"store) any (other|more|further)|(these|those) (are|were) all|all (stored )?memories (have been|are|were)|"
    r"(more|additional|\d+) (memories|entries) remain|there (is|are) (no|nothing) (more|else|other|further)|"
    r"total( of|:)? \d+ (memories|entries|items)|(entries|items|memories) (are )?(sorted|listed|ordered) |"
    r"just (say|tell|ask|let) |(generated|exported|created) (by|with|from) (chatgpt|claude|gemini|copilot|openai)|"
    r"that('s| is| was) (the (complete|full|entire|whole)|everything|all (i|that|of|the))|"
    r"this (is|was|represents|completes) (the (complete|full|entire|whole)|everything (i|that)|all (i|that|of|the))",
    # German
    r"sag(en sie)? (mir )?(bescheid|einfach|gerne?)|lass(en sie)? mich wissen|das (ist|war|sind|waren) (alles|die "
    r"(vollständige|komplette|ganze))|dies (ist|war) (alles|die (vollständige|komplette|ganze))|möchtest du|"
    r"möchten sie|(wenn|falls) (du|sie) (möchte|will|mag|woll|noch|etwas|weitere)\w*|soll ich|gibt es (noch )?(etwas|"
    r"weitere)|weitere (erinnerungen|einträge)|es (gibt|sind|verbleiben|existieren) keine weiteren|ende (der|des) "
    r"(liste|export\w*|erinnerungen)|importiert (von|aus):",
    # French
    r"n'hésite[zs]? pas|(fais|faites|dis|dites)-moi|c'est (tout|l'ensemble|la liste complète)|voilà tout|"
    r"souhaite[zs]?[- ](tu|vous)|veux-tu|voulez-vous|si (tu|vous) (veux|voulez|souhaite\w*|préfère\w*)|y a-t-il|"
    r"il n'y a (rien|pas|plus) (d'autre|de)|il ne reste (rien|plus)|aucun(e)? autre (souvenir|mémoire|entrée)|ceci "
    r"est (l'ensemble|la liste)|dois-je|fin de (la liste|l'export\w*)|importé de",
    # Spanish
    r"avísame|házmelo saber|hazme saber|dime si|si (quieres|deseas|necesitas|prefieres|desea|necesita)|¿(quieres|te "
    r"gustaría|desea|hay algo|necesitas|debo)|(eso|esto) es todo|este es el (conjunto|listado) completo|esta es la "
    r"lista completa|no (hay|queda|quedan|tengo) (más|nada más|otr)\w*|no dudes|fin de la (lista|exportación)|"
    r"importado de",
    # Portuguese
    r"me avise|avise-me|avisa-me|diga-me|se (você )?(quiser|precisar|desejar|quiseres)|quer que eu|gostaria (que|de)|"
    r"(isso|isto) é tudo|(esse|este) é o conjunto completo|(essa|esta) é a lista completa|não (há|resta|restam) "
    r"(mais|nada)|fim da (lista|exportação)|há (algo|mais alguma)|fique à vontade",
    # Italian
    r"fammi sapere|mi faccia sapere|dimmi se|se (vuoi|desideri|preferisci|desidera)|vuoi che|vorresti|questo è "
    r"(tutto|l'elenco completo|l'insieme completo)|(è|e) tutto|non (c'è|ci sono|rimane|rimangono|resta) (altro|altri|"
    r"altre|più|nulla|niente)|c'è altro|fine (dell'elenco|dell'esportazione|della lista)|importato da",
    # Dutch
    r"laat (het )?(me|mij|maar|gerust)|(dat|dit) (is|was) (alles|de (volledige|complete)|het volledige)|wil je|wilt u|"
    r"als je (wilt|wil|meer|nog)|zal ik|moet ik|is er (nog|verder)|er (is|zijn) (niets|geen) (meer|andere|verdere)|"
    r"einde van de (lijst|export)|geef (maar|gerust) aan|zeg het|geïmporteerd (van|uit)",
    # Polish
    r"daj(cie)? (mi )?znać|to (jest )?wszystko|czy (chcesz|chciał\w*|mam|jest coś)|jeśli (chcesz|potrzebujesz)|nie ma "
    r"(więcej|nic)|koniec (listy|eksportu)",
    # Swedish, Danish, Norwegian
    r"låt mig veta|säg till|det (är|var) allt|det (er|var) alt|vill du|om du vill|lad mig vide|sig til|vil du|"
    r"hvis du (vil|ønsker)|la meg vite|si ifra|skal jeg|ska jag|slut på (listan|listen)",
    # Russian
    r"дай(те)? (мне )?знать|сообщите|это (всё|все|полный)|хотите|хочешь|если (хотите|хочешь|вы|нужно)|больше "
    r"(ничего|нет)|конец (списка|экспорта)",
    r"bana bildir|haber ver|hepsi bu|ister misin|isterseniz|istersen",
    # Ukrainian, Arabic
    r"дай(те)? (мені )?знати|повідом(те)?|якщо (хочеш|хочете|потрібно)|чи (хочеш|хочете)|це все",
    r"هل (تريد|ترغب|تود|هناك)|أخبر(ني|يني)|إذا (أردت|كنت|رغبت)|دعني|لا تتردد",
)
CLOSINGS_UNSPACED = (
    r"以上|他に|ほかに|(修正|変更|追加|削除)(したい|が必要|する)|(これ|それ)(で|が)(全て|すべて)|お知らせ|教えてください|ご希望|"
    r"如果(?:需要|有需要)|如果(你|您)(需要|想|希望|还|還)|如需|请告诉我|請告訴我|需要我|(没有|沒有)更多|(这|這)就是(全部|所有)|是否需要|"
    r"이상입니다|[^.]*(알려|말씀해) ?주세요|원하시면|이것이 (전부|모두)"
)
# What an assistant says before its opening.
INTERJECTIONS = frozenset({
    "sure", "sure thing", "of course", "certainly", "absolutely", "got it", "here you go", "gerne", "klar", "natürlich",
    "sehr gerne", "selbstverständlich", "bien sûr", "avec plaisir", "d'accord", "claro", "¡claro", "claro que sí",
    "¡claro que sí", "por supuesto", "¡por supuesto", "com certeza", "certo", "certamente", "volentieri", "natuurlijk",
    "zeker", "graag", "jasne", "oczywiście", "конечно", "хорошо", "звісно", "もちろんです", "好的", "当然可以",
    "물론입니다",
})  # fmt: skip
# What stands under a heading that an assistant has nothing to say on.
NOTHING_KNOWN = re.compile(
    r"(?:there (?:is|are) )?no (?:\w+ ){0,2}(?:information|data|details|memories|entries)"
    r"(?: (?:is|are|was|were|have been|has been))?(?: currently)?"
    r"(?: (?:available|stored|found|saved|recorded|provided|on record|on file|shared|mentioned))?|"
    r"none (?:stored|saved|recorded|on record|available|found)|not (?:specified|available|provided)|"
    r"keine (?:angaben|informationen|daten|einträge)(?: (?:vorhanden|verfügbar|gespeichert|bekannt))?|"
    r"aucune (?:information|donnée)s?(?: (?:disponible|enregistrée|connue)s?)?|"
    r"(?:ninguna|sin|no hay) información(?: (?:disponible|guardada|registrada))?|"
    r"(?:nenhuma|sem) informaç(?:ão|ões)(?: (?:disponíve(?:l|is)|salva|registrada)s?)?|"
    r"nessuna informazione(?: (?:disponibile|salvata))?|"
    r"geen (?:informatie|gegevens)(?: (?:beschikbaar|opgeslagen|bekend))?|brak (?:informacji|danych)|"
    r"нет (?:информации|данных)|情報は?(?:ありません|なし)|暂无(?:相关)?信息|没有(?:相关)?信息|沒有(?:資訊|資料)"
)
# What the pages of assistants show around an answer, copied with it.
PAGE_WORDS = frozenset({
    "copy", "copy code", "copied", "plaintext", "markdown", "you said:", "chatgpt said:", "claude responded:",
    "gemini said", "code kopieren", "kopieren", "copier", "copier le code", "copiar", "copiar código", "copia codice",
    "memory updated", "updated saved memory", "saved memories", "saved info", "manage memories", "manage memory",
    "search memories",
    "delete all", "clear all memories", "gespeicherte erinnerungen", "erinnerungen verwalten",
    "show more", "edit", "retry",
})  # fmt: skip
OF_THE_LIST = (
    r"about you\b|memor(y|ies)\b|stored|saved|conversations?\b|über (dich|sie)\b|gespeichert|erinnerung|vous concern|"
    r"(sur|de) (toi|vous)\b|souvenirs?\b|sobre (ti|você|usted)\b|(su|di) (di )?te\b|over (je|jou|u)\b|opgeslagen|"
    r"herinnering|guardad|almacenad|armazenad|memorizzat"
)


def _compile(beginning: str, *, ends: bool = True) -> re.Pattern[str]:
    return re.compile(rf"(?:{beginning})" + (r"(?!\w)" if ends else ""))


def _compile_words(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{words})(?!\w)")


_OPENINGS = tuple((_compile(begin), _compile_words(words)) for begin, words in OPENINGS) + tuple(
    (_compile(begin, ends=False), re.compile(words)) for begin, words in OPENINGS_UNSPACED
)
_CLOSING = _compile("|".join(CLOSINGS), ends=False)
_CLOSING_UNSPACED = re.compile(CLOSINGS_UNSPACED)
_OF_THE_LIST = re.compile(OF_THE_LIST)
_NOTE = re.compile(r"(?:please )?note(?: that)?:?\s+(?:i |this |these |some |there |that )")
_OF_NOTE = re.compile(r"\b(?:you|your|list|memories|entries|details|conversations?|stored|saved)\b")
_TITLE = re.compile(
    r"(?:(?:all|my|your|the|stored|saved|full|complete|user|chatgpt|claude|gemini|ai|of|export(?:ed)?|list|dump|summary|"
    r"overview)\W+)*memor(?:y|ies)(?:\W+(?:export|list|dump|summary|overview|log|store))?"
)
_OF_THE_WRITER = re.compile(r"(?<!\w)(?:my (?!memor|stored|ai|records)|meine?r? (?!erinn)|mein )")


def is_opening(text: str) -> bool:
    """Return whether an assistant begins its list with this: "Here is everything that I know about you:"."""
    text = _normalize(text)
    if text in PAGE_WORDS or text.rstrip("!.。！,: ") in INTERJECTIONS:
        return True
    if not _can_be_chatter(text):
        return False
    for begin, words in _OPENINGS:
        if begin.match(text) and words.search(text):
            return (
                text.endswith((":", "：")) or _OF_THE_LIST.search(text) is not None or not text[:1].isascii()
            )
    return False


def is_closing(text: str) -> bool:
    """Return whether an assistant ends its list with this: "Let me know if you want more!"."""
    text = _normalize(text)
    if text in PAGE_WORDS:
        return True
    if not _can_be_chatter(text):
        return False
    if _NOTE.match(text):
        return _OF_NOTE.search(text) is not None
    return bool(_CLOSING.match(text) or _CLOSING_UNSPACED.match(text))


def is_page_word(text: str) -> bool:
    """Return whether a line is only a word of an assistant's page, copied with the text."""
    return _normalize(text) in PAGE_WORDS


def says_nothing(text: str) -> bool:
    """Return whether an assistant says that it knows nothing: "No information available."."""
    flat = _normalize(text).rstrip(".。 ")
    return NOTHING_KNOWN.fullmatch(flat) is not None


def is_title(heading: str) -> bool:
    """Return whether a heading only says that a list of memories follows."""
    return _TITLE.fullmatch(_normalize(heading)) is not None


def _can_be_chatter(text: str) -> bool:
    return 0 < len(text) <= MAX_CHARACTERS and not _OF_THE_WRITER.search(text)


def _normalize(text: str) -> str:
    if len(text) > 2 * MAX_CHARACTERS:
        return ""
    flat = " ".join(text.replace("**", "").replace("’", "'").split()).lower()
    flat = SIGNS_BEFORE.sub("", flat)
    return flat if flat[-1:] in SENTENCE_ENDS else SIGNS_AFTER.sub("", flat)
