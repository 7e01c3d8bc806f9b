"""How a process reaches its database: in which roles, and directly or through a pooler of transactions."""

import hashlib
from typing import Any

from core.db.roles import Role
from picard.config.paths import PROJECT

Login = dict[str, Any]  # an entry of Django's DATABASES without ENGINE; POOLED: through the pooler
# A standby that vanishes may cost a request some seconds, once.
IMPATIENT = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "2",
}
ADDRESS = ("NAME", "HOST", "PORT", "OPTIONS")


def go_past_pooler(logins: dict[Role, Login], direct: Login, process: Role) -> dict[Role, Login]:
    """Return the logins of a process where DATABASE_URL leads to a pooler. direct: of DATABASE_DIRECT_URL, or empty.

    The web server's requests go through it. The worker and the commands need sessions: of locks, of LISTEN, for
    pg_dump. They go to the direct address, in the users of their own URLs.
    """
    web = logins[Role.WEB]
    address = {name: direct[name] for name in ADDRESS if direct}
    user = {name: direct[name] for name in ("USER", "PASSWORD") if direct and direct[name]}

    def choose(role: Role) -> Login:
        login = logins[role]
        if not direct or (process == Role.WEB and role != Role.OWNER):
            return pooled if login is web else {**login, "POOLED": True}
        return past if login is web else {**login, **address, "POOLED": False}

    pooled, past = {**web, "POOLED": True}, {**web, **address, **user, "POOLED": False}
    return {role: choose(role) for role in Role}


def build_replica_login(replica: Login, web: Login) -> Login:
    """Return the login of DATABASE_REPLICA_URL: in the user of the web server if the URL names none."""
    user = {name: replica.get(name) or web.get(name, "") for name in ("USER", "PASSWORD")}
    options = {**IMPATIENT, **replica.get("OPTIONS", {})}
    return {**replica, **user, "OPTIONS": options, "POOLED": web.get("POOLED", False)}


def describe_schema(vector_dimensions: int) -> str:
    """Return a word that differs for each set of migrations and width of vectors."""
    migrations = sorted(path.name for path in PROJECT.glob("*/migrations/*.py"))
    return hashlib.sha256(repr((migrations, vector_dimensions)).encode()).hexdigest()[:12]
