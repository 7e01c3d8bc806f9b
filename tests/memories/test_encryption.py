"""Text encryption: what an attacker, a moved row or a careless query can read."""

import random
from typing import cast

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat

from accounts import keys
from accounts.fields import DecryptError
from accounts.models import PersonKey, User
from memories.errors import SealedTextError
from memories.fields import SealedBytes, get_padded_length
from memories.models import Memory, MemoryRevision, MemoryVector, Tag
from tests.factories import remember

pytestmark = pytest.mark.django_db
CANARY = "The canary sings at noon."


def read_stored_text(memory: Memory, table: str = "memories_memory") -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"select text from {table} where id = %s", [memory.pk])
        return bytes(cursor.fetchone()[0])


def write_stored_text(memory: Memory, ciphertext: bytes) -> Memory:
    with connection.cursor() as cursor:
        cursor.execute("update memories_memory set text = %s where id = %s", [ciphertext, memory.pk])
    return Memory.objects.get(pk=memory.pk)


def test_stored_bytes_contain_no_word_of_text(ada: User) -> None:
    raw = read_stored_text(remember(ada, CANARY))
    assert raw[:1] == b"\x01"
    assert not any(word.encode() in raw for word in CANARY.split())


def test_text_round_trips(ada: User) -> None:
    for text in ("short", "ünïcödé 🦜 שלום", "x" * 8_000, "line\nbreak"):
        assert Memory.objects.get(pk=remember(ada, text).pk).text == text


def test_same_text_encrypts_to_different_bytes(ada: User) -> None:
    assert read_stored_text(remember(ada, CANARY)) != read_stored_text(remember(ada, CANARY))


def test_swapped_ciphertexts_fail_to_decrypt(ada: User) -> None:
    one, two = remember(ada, "one"), remember(ada, "two")
    with pytest.raises(SealedTextError):
        _ = write_stored_text(one, read_stored_text(two)).text


def test_row_with_changed_owner_fails_to_decrypt(ada: User, bob: User) -> None:
    memory = remember(ada, CANARY)
    Memory.objects.filter(pk=memory.pk).update(owner=bob)
    with pytest.raises(SealedTextError):
        _ = Memory.objects.get(pk=memory.pk).text


def test_ciphertext_in_another_column_fails_to_decrypt(ada: User) -> None:
    memory = remember(ada, CANARY)
    tag = Tag.objects.create(owner=ada, id=memory.pk, name="anything", name_hash=b"x")
    with connection.cursor() as cursor:
        cursor.execute("update memories_tag set name = %s where id = %s", [read_stored_text(memory), tag.pk])
    with pytest.raises(SealedTextError):
        _ = Tag.objects.get(pk=tag.pk).name


@pytest.mark.parametrize("planted", [b"plain text", b"", b"\x01", b"\x02" + b"x" * 60, b"\x01" + b"x" * 60])
def test_planted_bytes_are_rejected(ada: User, planted: bytes) -> None:
    memory = write_stored_text(remember(ada, CANARY), planted)
    with pytest.raises(SealedTextError):
        _ = memory.text


def test_every_flipped_bit_is_detected(ada: User) -> None:
    memory = remember(ada, "x")
    raw = read_stored_text(memory)
    field = Memory._meta.get_field("text")
    for position in range(len(raw)):
        flipped = bytearray(raw)
        flipped[position] ^= 1 << random.randrange(8)
        with pytest.raises(SealedTextError):
            field.open(memory, SealedBytes(flipped))


def test_deleted_key_makes_text_unreadable(ada: User) -> None:
    memory = remember(ada, CANARY)
    keys.delete_person_key(ada.pk)
    with pytest.raises(DecryptError):
        _ = Memory.objects.get(pk=memory.pk).text


def test_vectors_and_keywords_are_deleted_with_key(ada: User) -> None:
    remember(ada, CANARY)
    keys.delete_person_key(ada.pk)
    assert not MemoryVector.objects.exists()


def test_wrong_master_key_decrypts_nothing_and_creates_no_key(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = remember(ada, CANARY)
    keys.clear_key_cache()
    from cryptography.fernet import Fernet, MultiFernet
    from encrypted_model_fields import fields as package

    monkeypatch.setattr(package, "CRYPTER", MultiFernet([Fernet(Fernet.generate_key())]))
    with pytest.raises(DecryptError):
        _ = Memory.objects.get(pk=memory.pk).text
    with pytest.raises(keys.WrongMasterKeys):
        User.objects.create_user("eve@example.org", "x")


def test_assigned_ciphertext_is_not_decrypted(ada: User) -> None:
    stolen = PersonKey.objects.filter(pk=ada.pk).values_list("wrapped", flat=True)
    with connection.cursor() as cursor:
        cursor.execute("select wrapped from accounts_personkey where user_id = %s", [ada.pk])
        [ciphertext] = cursor.fetchone()
    assert PersonKey(wrapped=ciphertext).wrapped == ciphertext
    PersonKey(wrapped=ciphertext, user=ada).clean_fields()
    assert stolen


@pytest.mark.parametrize("value", ["plain", F("source"), Concat(F("source"), Value("x")), Value("x")])
def test_update_rejects_plaintext(ada: User, value: object) -> None:
    remember(ada, CANARY)
    with pytest.raises(FieldError):
        Memory.objects.update(text=value)


def test_bulk_update_rejects_plaintext(ada: User) -> None:
    memory = remember(ada, CANARY)
    memory.text = "changed"
    with pytest.raises(FieldError):
        Memory.objects.bulk_update([memory], ["text"])


def test_sql_expression_is_rejected_as_text(ada: User) -> None:
    memory = remember(ada, CANARY)
    memory.text = cast(str, F("source"))
    with pytest.raises(FieldError):
        memory.save()


@pytest.mark.parametrize("lookup", ["text", "text__contains", "text__startswith", "text__in", "text__gt"])
def test_lookups_on_text_are_rejected(ada: User, lookup: str) -> None:
    with pytest.raises(FieldError):
        Memory.objects.filter(**{lookup: [CANARY] if lookup.endswith("in") else CANARY}).exists()


def test_isnull_lookup_is_allowed(ada: User) -> None:
    remember(ada, CANARY)
    assert not Memory.objects.filter(text__isnull=True).exists()


def test_dumpdata_is_rejected(ada: User) -> None:
    remember(ada, CANARY)
    with pytest.raises(Exception, match="encrypted"):
        call_command("dumpdata", "memories.memory", verbosity=0)


def test_undecrypted_text_is_saved_unchanged(ada: User) -> None:
    memory = remember(ada, CANARY)
    before = read_stored_text(memory)
    Memory.objects.get(pk=memory.pk).save()
    assert read_stored_text(memory) == before


def test_history_and_tags_are_encrypted(ada: User) -> None:
    from memories.services import writes
    from tests.factories import session

    memory = remember(ada, CANARY, tags=["canaries"])
    writes.update_memory(session(ada), memory.pk, text="another")
    revision = MemoryRevision.objects.get()
    assert revision.text == CANARY
    with connection.cursor() as cursor:
        cursor.execute("select text from memories_memoryrevision union all select name from memories_tag")
        raw = b"".join(bytes(row[0]) for row in cursor.fetchall())
    assert b"canar" not in raw


def test_text_can_be_deferred(ada: User) -> None:
    remember(ada, CANARY)
    assert Memory.objects.defer("text").get().text == CANARY


def test_ciphertext_is_not_in_repr(ada: User) -> None:
    memory = Memory.objects.get(pk=remember(ada, CANARY).pk)
    assert str(memory.__dict__["text"]) == "<sealed>"
    assert CANARY not in f"{memory!r} {memory}"
    assert repr(keys.get_person_key(ada.pk)) == "<data key>"


def test_stored_length_reveals_text_length_only_roughly() -> None:
    assert get_padded_length(5) == get_padded_length(30) == 32
    assert len({get_padded_length(length) for length in range(1, 8_001)}) < 150
    assert all(length <= get_padded_length(length) <= max(32, length * 1.12) for length in range(1, 9_000))
