"""Texts in the encodings of old files are read with their letters."""

import pytest

from memories.portability.files.encodings import detect_encoding

TEXTS = (
    ("utf-8", "Café à Gand"), ("utf-8-sig", "Café"), ("utf-16", "Café"), ("utf-16-le", "I keep bees"),
    ("utf-16-be", "I keep bees"), ("cp1252", "Café"), ("cp1252", "L’œuf et le cœur, à 5 °C"),
    ("cp1252", "Größe 42, Übung"), ("cp1252", "20°C and 5m² at 3½"), ("cp1252", "Mañana iré a la piñata, ¿sí?"),
    ("cp1252", "It’s “fine” – really…"), ("cp1252", "Jeg bor på Ærø og spiser rødgrød"),
    ("cp1252", "Ég bý í Reykjavík og á þrjá hesta"), ("cp1252", "Perché così? Più tè, però."),
    ("cp1250", "Zażółć gęślą jaźń. Mieszkam w Łodzi."), ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy"),
    ("cp1254", "Arılarım var, İstanbul'da yaşıyorum, şeker"), ("cp1251", "Я держу пчёл и живу в Москве."),
    ("koi8_r", "Я держу пчёл и живу в Москве."), ("cp1253", "Έχω μέλισσες και μένω στην Αθήνα"),
    ("cp932", "私は蜂を飼っています。東京に住んでいます。"), ("gb18030", "我养蜜蜂，住在北京。喜欢喝茶。"),
    ("big5", "我養蜜蜂，住在台北。喜歡喝茶。"), ("euc_kr", "나는 벌을 키우고 서울에 산다."),
)  # fmt: skip


@pytest.mark.parametrize(("encoding", "text"), TEXTS)
def test_text_is_read_in_its_encoding(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    detected = detect_encoding(data)
    assert detected is not None
    assert data.decode(detected).removeprefix("\ufeff") == text


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\0" * 100])
def test_what_is_no_text_has_no_encoding(data: bytes) -> None:
    assert detect_encoding(data) is None


def test_letter_cut_off_at_the_end_of_the_sample_is_utf8() -> None:
    assert detect_encoding(("a" * 65_535 + "é").encode()[:65_536]) == "utf-8"
