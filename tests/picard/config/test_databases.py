"""Which login a process uses for each role, with a pooler in front of the database."""

import pytest

from core.db.roles import Role
from picard.config.databases import go_past_pooler


def login(user: str, host: str = "pooler", **more: object) -> dict[str, object]:
    login = {"NAME": "picard", "USER": user, "PASSWORD": "x", "HOST": host, "PORT": "", "OPTIONS": {}}
    return login | more


DIRECT = login("", "database", PASSWORD="")
THREE = {Role.WEB: login("web"), Role.SYSTEM: login("system"), Role.OWNER: login("owner")}


def list_addresses(logins: dict[Role, dict[str, object]]) -> list[tuple[object, ...]]:
    return [(each["USER"], each["HOST"], each["POOLED"]) for each in logins.values()]


def test_web_server_goes_through_the_pooler() -> None:
    assert list_addresses(go_past_pooler(THREE, DIRECT, Role.WEB)) == [
        ("web", "pooler", True),
        ("system", "pooler", True),
        ("owner", "database", False),
    ]


@pytest.mark.parametrize("process", [Role.SYSTEM, Role.OWNER])
def test_commands_and_the_worker_go_past_it_in_their_own_roles(process: Role) -> None:
    assert list_addresses(go_past_pooler(THREE, DIRECT, process)) == [
        ("web", "database", False),
        ("system", "database", False),
        ("owner", "database", False),
    ]


def test_direct_url_may_have_another_user_than_the_pooler() -> None:
    one = dict.fromkeys(Role, login("picard.project"))
    logins = go_past_pooler(one, login("picard", "database", PASSWORD="y"), Role.SYSTEM)
    assert {(each["USER"], each["PASSWORD"]) for each in logins.values()} == {("picard", "y")}
    assert len({id(each) for each in logins.values()}) == 1  # one role for all, which the server warns of


def test_server_without_the_direct_url_has_only_the_pooler() -> None:
    assert {each["POOLED"] for each in go_past_pooler(THREE, {}, Role.WEB).values()} == {True}
