"""Data keys: one per user, wrapped with the master keys, created once, rotated without changing texts."""

import base64
import threading
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from encrypted_model_fields import fields as package

from accounts import keys
from accounts.fields import DecryptError
from accounts.models import PersonKey, ServerKey, User
from memories.models import Memory
from tests.factories import make_person, remember

pytestmark = pytest.mark.django_db


@pytest.fixture
def set_master_keys(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    """Set the master keys, as a restart with another FIELD_ENCRYPTION_KEY would."""

    def set_keys(*master_keys: str) -> None:
        settings.FIELD_ENCRYPTION_KEY = list(master_keys)
        monkeypatch.setattr(package, "CRYPTER", MultiFernet([Fernet(key) for key in master_keys]))
        keys.clear_key_cache()

    return set_keys


def test_every_user_has_their_own_key(ada: User, bob: User) -> None:
    one, other = keys.get_person_key(ada.pk), keys.get_person_key(bob.pk)
    assert len({one.secret, other.secret, keys.get_server_key().secret}) == 3
    assert len({one.tag_hash_key, one.vector_rotation_key, one.keyword_hash_key, one.secret}) == 4


def test_stored_key_is_wrapped(ada: User) -> None:
    secret = keys.get_person_key(ada.pk).secret
    with connection.cursor() as cursor:
        cursor.execute("select wrapped from accounts_personkey where user_id = %s", [ada.pk])
        [wrapped] = cursor.fetchone()
    assert wrapped.startswith("gAAAA")
    assert secret.hex() not in wrapped


def test_existing_key_is_not_replaced(ada: User) -> None:
    before = keys.get_person_key(ada.pk).secret
    keys.create_person_keys([ada.pk])
    keys.clear_key_cache()
    assert keys.get_person_key(ada.pk).secret == before


def test_deleted_key_is_not_recreated(ada: User) -> None:
    keys.delete_person_key(ada.pk)
    ada.save()
    with pytest.raises(keys.DataKeyNotFound):
        keys.get_person_key(ada.pk)


def test_rotation_rewraps_keys_and_changes_no_text(ada: User, set_master_keys: Any, settings: Any) -> None:
    remember(ada, "The canary.")
    [old], new = settings.FIELD_ENCRYPTION_KEY, Fernet.generate_key().decode()
    secret = keys.get_person_key(ada.pk).secret
    set_master_keys(new, old)
    assert keys.get_key_status() == keys.KeyStatus(newest=0, older=2, unreadable=0)
    assert keys.rewrap_all_keys() == 2
    set_master_keys(new)
    assert keys.get_key_status() == keys.KeyStatus(newest=2, older=0, unreadable=0)
    assert keys.get_person_key(ada.pk).secret == secret
    assert Memory.objects.get().text == "The canary."


def test_wrong_master_key_is_detected(ada: User, set_master_keys: Any) -> None:
    keys.check_master_keys()
    set_master_keys(Fernet.generate_key().decode())
    with pytest.raises(keys.WrongMasterKeys):
        keys.check_master_keys()
    assert keys.get_key_status() == keys.KeyStatus(newest=0, older=0, unreadable=2)
    with pytest.raises(CommandError):
        call_command("keys", "rotate")


def test_keys_commands_print_their_result(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    for act in ("generate", "status", "verify", "rotate"):
        call_command("keys", act)
    printed = capsys.readouterr().out
    assert "FIELD_ENCRYPTION_KEY=" in printed
    assert "All 2 stored keys can be decrypted." in printed
    assert "2 keys are now wrapped" in printed


def test_only_one_server_key_is_created(ada: User) -> None:
    keys.check_master_keys()
    keys.check_master_keys()
    assert ServerKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_first_starts_agree_on_one_server_key() -> None:
    ServerKey.objects.all().delete()
    secrets: list[bytes] = []

    def start() -> None:
        secrets.append(keys.check_master_keys().secret)
        connection.close()

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(secrets) == 6
    assert len(set(secrets)) == 1


def test_deleting_a_user_deletes_their_key() -> None:
    person = make_person("eve")
    person_id = person.pk
    keys.get_person_key(person_id)
    person.delete()
    assert not PersonKey.objects.filter(pk=person_id).exists()
    with pytest.raises(keys.DataKeyNotFound):
        keys.get_person_key(person_id)


# --- Bound to their row ---------------------------------------------------------------------------------


def read_wrapped(user: User) -> str:
    with connection.cursor() as cursor:
        cursor.execute("select wrapped from accounts_personkey where user_id = %s", [user.pk])
        return str(cursor.fetchone()[0])


def write_wrapped(user: User, wrapped: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("update accounts_personkey set wrapped = %s where user_id = %s", [wrapped, user.pk])
    keys.clear_key_cache()


def unbind(user: User) -> None:
    """Store the user's key as release 0.2.0 did."""
    [master] = map(Fernet, settings.FIELD_ENCRYPTION_KEY)
    content = master.decrypt(read_wrapped(user).encode()).decode().partition("|")[0]
    write_wrapped(user, master.encrypt(content.encode()).decode())


def test_key_of_another_user_does_not_open(ada: User, bob: User) -> None:
    write_wrapped(bob, read_wrapped(ada))
    with pytest.raises(DecryptError):
        keys.get_person_key(bob.pk)
    assert keys.get_key_status().unreadable == 1
    with pytest.raises(CommandError, match="cannot be decrypted"):
        call_command("keys", "rotate")


def test_server_key_in_the_row_of_a_user_does_not_open(ada: User) -> None:
    keys.check_master_keys()
    with connection.cursor() as cursor:
        cursor.execute("update accounts_personkey set wrapped = (select wrapped from accounts_serverkey)")
    keys.clear_key_cache()
    with pytest.raises(DecryptError):
        keys.get_person_key(ada.pk)


def test_key_of_an_earlier_release_opens_once_it_is_bound(ada: User) -> None:
    remember(ada, "The canary.")
    secret = keys.get_person_key(ada.pk).secret
    unbind(ada)
    with pytest.raises(DecryptError):
        keys.get_person_key(ada.pk)
    assert keys.get_key_status() == keys.KeyStatus(newest=2, older=0, unreadable=0, unbound=1)
    with pytest.raises(CommandError, match="1 keys or second factors are not bound"):
        call_command("keys", "rotate")
    call_command("keys", "rotate", bind=True)
    assert keys.get_key_status() == keys.KeyStatus(newest=2, older=0, unreadable=0)
    assert keys.get_person_key(ada.pk).secret == secret
    assert Memory.objects.get().text == "The canary."


def test_earlier_release_reads_a_bound_key(ada: User) -> None:
    """Servers of both releases run during an upgrade."""
    [master] = map(Fernet, settings.FIELD_ENCRYPTION_KEY)
    content = master.decrypt(read_wrapped(ada).encode())
    assert base64.b64decode(content) == keys.get_person_key(ada.pk).secret
