"""Keys: one a person, wrapped by the master keys, made once, rotated without touching a text."""

import threading
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet
from django.core.management import CommandError, call_command
from django.db import connection
from encrypted_model_fields import fields as package

from accounts import keys
from accounts.models import PersonKey, ServerKey, User
from memories.models import Memory
from tests.factories import make_person, remember

pytestmark = pytest.mark.django_db


@pytest.fixture
def masters(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """Set the master keys, as a restart with another FIELD_ENCRYPTION_KEY would."""

    def use(*chosen: str) -> None:
        settings.FIELD_ENCRYPTION_KEY = list(chosen)
        monkeypatch.setattr(package, "CRYPTER", MultiFernet([Fernet(key) for key in chosen]))
        keys.clear_key_cache()

    return use


def test_everybody_has_a_key_of_their_own(ada: User, bob: User) -> None:
    one, other = keys.get_person_key(ada.pk), keys.get_person_key(bob.pk)
    assert len({one.secret, other.secret, keys.get_server_key().secret}) == 3
    assert len({one.tag_hash_key, one.vector_rotation_key, one.keyword_hash_key, one.secret}) == 4


def test_a_stored_key_is_wrapped(ada: User) -> None:
    secret = keys.get_person_key(ada.pk).secret
    with connection.cursor() as cursor:
        cursor.execute("select wrapped from accounts_personkey where user_id = %s", [ada.pk])
        [wrapped] = cursor.fetchone()
    assert wrapped.startswith("gAAAA")
    assert secret.hex() not in wrapped


def test_a_person_keeps_the_key_they_have(ada: User) -> None:
    before = keys.get_person_key(ada.pk).secret
    keys.create_person_keys([ada.pk])
    keys.clear_key_cache()
    assert keys.get_person_key(ada.pk).secret == before


def test_a_deleted_key_is_not_made_anew(ada: User) -> None:
    keys.delete_person_key(ada.pk)
    ada.save()
    with pytest.raises(keys.DataKeyNotFound):
        keys.get_person_key(ada.pk)


def test_rotation_wraps_anew_and_changes_no_text(ada: User, masters: Any, settings: Any) -> None:
    remember(ada, "The canary.")
    [old], new = settings.FIELD_ENCRYPTION_KEY, Fernet.generate_key().decode()
    secret = keys.get_person_key(ada.pk).secret
    masters(new, old)
    assert keys.get_key_status() == keys.KeyStatus(newest=0, older=2, unreadable=0)
    assert keys.rewrap_all_keys() == 2
    masters(new)
    assert keys.get_key_status() == keys.KeyStatus(newest=2, older=0, unreadable=0)
    assert keys.get_person_key(ada.pk).secret == secret
    assert Memory.objects.get().text == "The canary."


def test_a_wrong_master_key_is_noticed(ada: User, masters: Any) -> None:
    keys.check_master_keys()
    masters(Fernet.generate_key().decode())
    with pytest.raises(keys.WrongMasterKeys):
        keys.check_master_keys()
    assert keys.get_key_status() == keys.KeyStatus(newest=0, older=0, unreadable=2)
    with pytest.raises(CommandError):
        call_command("keys", "rotate")


def test_the_commands_say_what_they_did(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    for act in ("generate", "status", "verify", "rotate"):
        call_command("keys", act)
    printed = capsys.readouterr().out
    assert "FIELD_ENCRYPTION_KEY=" in printed
    assert "All 2 stored keys open." in printed
    assert "2 keys are now wrapped" in printed


def test_only_one_server_key_can_be(ada: User) -> None:
    keys.check_master_keys()
    keys.check_master_keys()
    assert ServerKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_first_starts_that_race_agree_on_one_server_key() -> None:
    ServerKey.objects.all().delete()
    found: list[bytes] = []

    def start() -> None:
        found.append(keys.check_master_keys().secret)
        connection.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_deleting_a_person_deletes_their_key() -> None:
    person = make_person("eve")
    gone = person.pk
    keys.get_person_key(gone)
    person.delete()
    assert not PersonKey.objects.filter(pk=gone).exists()
    with pytest.raises(keys.DataKeyNotFound):
        keys.get_person_key(gone)
