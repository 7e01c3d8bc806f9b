"""No text has more tokens than its bound says, counted by npm's gpt-tokenizer; natural text has not much less."""

import random
import string

import pytest

from memories.context.token_bound import PIECES, count_tokens_at_most
from tests.interop.node import find_node
from tests.interop.token_count import count_most_tokens
from tests.interop.token_pieces import VOCABULARIES, list_pieces, read_vocabulary

SEED, TEXTS = 20, 30
ALPHABETS = {
    "letters": string.ascii_lowercase,
    "mixed case": string.ascii_letters,
    "base64": string.ascii_letters + string.digits + "+/=",
    "ASCII": string.printable,
    "white space": " \n\t\r\v\f\x1c\x85\xa0\u2028\u3000a",
    "contractions": "abc '’sdtrevmlSDTREVML",
    "accents": "éèäöüßñçÀÉ abcDEF",
    "combining marks": "aeo AE" + "".join(map(chr, range(0x300, 0x320))),
    "Cyrillic": "абвгдежзиклмнопрст АБВ",
    "Greek": "αβγδεζηθικλμνξοπρσς ΑΒ",
    "Arabic": "".join(map(chr, range(0x600, 0x6FF))),
    "Devanagari": "".join(map(chr, range(0x900, 0x97F))) + " ",
    "Thai": "".join(map(chr, range(0xE00, 0xE5F))),
    "Chinese": "中文字符上海我的是在有人这 ,。",
    "Hangul": "".join(map(chr, range(0xAC00, 0xAC80))) + " ",
    "rare scripts": "".join(map(chr, [*range(0x1200, 0x1240), *range(0x13A0, 0x13C0), *range(0x12000, 0x12020)])),
    "emoji": "".join(map(chr, range(0x1F300, 0x1F6FF))) + "\u200d\ufe0f",
    "invisible": "\u200b\u200c\u200d\u2060\ufeff\u00ad a1",
    "digits": "0123456789 .,-²½Ⅷ٣१",
    "code": "aA1 -_(){}<>/\n\"\\:;=",
    "title case letters": "ǅǈǋa Aʰª中ᾈ",
    "special tokens": "<|endoftext|> im_start",
}  # fmt: skip
NATURAL = {
    "English": (
        0.65,
        "The user lives in Lisbon with two cats and works as a nurse at the children's hospital. She is allergic to "
        "peanuts and prefers short answers. Last summer we hiked along the coast from Porto to Santiago, and it rained "
        "almost every day. My brother's wedding is planned for next September in Edinburgh; I still need to book "
        "flights and buy a suit.",
    ),
    "German": (
        0.6,
        "Ich wohne in Berlin und arbeite im Krankenhaus mit kranken Kindern. Meine Schwester heiratet im "
        "September in München; ich muss noch die Zugfahrkarten buchen. Letzten Sommer sind wir von Porto nach "
        "Santiago gewandert, und es hat fast jeden Tag geregnet.",
    ),
    "French": (
        0.55,
        "J'habite à Lyon avec ma sœur et je travaille comme infirmière à l'hôpital pour enfants. Je suis allergique "
        "aux arachides et je préfère les réponses courtes. L'été dernier nous avons marché jusqu'à la mer.",
    ),
    "Spanish": (
        0.6,
        "Vivo en Madrid con dos gatos y trabajo como enfermera en el hospital infantil. Soy alérgica a los cacahuetes "
        "y prefiero respuestas cortas. El verano pasado llovió casi todos los días.",
    ),
    "Russian": (
        0.35,
        "Я живу в Москве с двумя кошками и работаю медсестрой в детской больнице. У меня аллергия на арахис.",
    ),
    "Chinese": (0.6, "我住在上海，养了两只猫，在儿童医院当护士。我对花生过敏，喜欢简短的回答。"),
    "Japanese": (0.5, "私は大阪に住んでいて、猫を二匹飼っています。小児病院で看護師として働いています。"),
    "Korean": (0.55, "저는 서울에 살고 고양이 두 마리를 키우며 어린이 병원에서 간호사로 일합니다."),
    "Arabic": (0.45, "أعيش في القاهرة مع قطتين وأعمل ممرضة في مستشفى الأطفال. لدي حساسية من الفول السوداني."),
    "Hindi": (0.55, "मैं दिल्ली में दो बिल्लियों के साथ रहती हूँ और बच्चों के अस्पताल में नर्स हूँ।"),
}


def make_texts() -> list[str]:
    """Return random texts of each alphabet, of all together, and of pieces of words joined without rhyme."""
    chance = random.Random(SEED)
    alphabets = [*ALPHABETS.values()]
    texts = [
        "".join(chance.choices(alphabet, k=chance.randint(1, 60)))
        for alphabet in alphabets
        for _ in range(TEXTS)
    ]
    texts += [
        "".join(chance.choice(chance.choice(alphabets)) for _ in range(chance.randint(1, 60)))
        for _ in range(10 * TEXTS)
    ]
    pieces = [each.decode(errors="ignore") for each in read_vocabulary(VOCABULARIES[0])]
    texts += ["".join(chance.choices(pieces, k=chance.randint(1, 10))) for _ in range(10 * TEXTS)]
    return texts


def test_no_text_has_more_tokens_than_its_bound() -> None:
    texts = make_texts()
    counts = zip(texts, count_most_tokens(texts), strict=True)
    assert [(text, count) for text, count in counts if count > count_tokens_at_most(text)] == []


def test_natural_text_fills_most_of_its_bound() -> None:
    counts = count_most_tokens([text for _share, text in NATURAL.values()])
    for (language, (share, text)), count in zip(NATURAL.items(), counts, strict=True):
        assert count / count_tokens_at_most(text) >= share, language


def test_lines_can_be_counted_one_by_one() -> None:
    chance = random.Random(SEED)
    lines = [
        "- " + text.replace("\n", " ").replace("\r", " ") + chance.choice('".]é') for text in make_texts()
    ]
    blocks = ["\n".join(lines[start : start + 9]) for start in range(0, len(lines), 9)]
    bounds = [
        sum(count_tokens_at_most(f"{line}\n") for line in lines[start : start + 9])
        for start in range(0, len(lines), 9)
    ]
    for block, bound, count in zip(blocks, bounds, count_most_tokens(blocks), strict=True):
        assert count <= bound, block


@pytest.mark.parametrize("text", ["", " ", "\ud800 lone", "a" * 5_000, "\0" * 100])
def test_any_string_has_a_bound(text: str) -> None:
    assert 0 <= count_tokens_at_most(text) <= len(text.encode("utf-8", "surrogatepass"))


def test_pieces_are_those_of_the_vocabularies() -> None:
    find_node()  # skips the test without the packages
    assert PIECES.read_text(encoding="ascii") == "".join(f"{piece}\n" for piece in list_pieces())
