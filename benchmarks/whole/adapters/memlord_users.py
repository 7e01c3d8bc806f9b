"""Create memlord's tables and users, in its own environment: `python memlord_users.py USER …`.

Its migrations are not in its package; the tables are those of its models. Prints JSON: each user's session and key.
"""

import asyncio
import json
import sys

import sqlalchemy as sa
from memlord.dao.api_key import ApiKeyDao
from memlord.dao.user import UserDao
from memlord.db import get_engine, session
from memlord.models.base import Base
from memlord.ui.utils import make_session_token


async def main(names: list[str]) -> None:
    async with get_engine().begin() as connection:
        await connection.execute(sa.text("create extension if not exists vector"))
        await connection.run_sync(Base.metadata.create_all)
    users = {}
    for name in names:
        async with session() as s:
            user = await UserDao(s).create(f"{name}@example.org", name, "no password")
            key = await ApiKeyDao(s).create(user.id, "Benchmark")
            users[name] = {"session": make_session_token(user.id), "key": key}
    print(json.dumps(users))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
