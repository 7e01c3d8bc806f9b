"""The environment of the tests: set before Django reads its settings (see pyproject.toml).

The tests have an embedded PostgreSQL of their own, so they never meet the data of `make run`.
"""

import os

from picard.config.paths import get_picard_home

for name in (
    "DATABASE_URL",
    "PUBLIC_URL",
    "SECRET_KEY",
    "FIELD_ENCRYPTION_KEY",
    "EMAIL_URL",
    "SIGNUP",
    "DEBUG",
    "CHAT_MODEL",
):
    os.environ.pop(name, None)
os.environ["PICARD_ENV_FILE"] = ""
# Kept in a variable of its own, so that the processes of pytest-xdist have the same.
os.environ.setdefault("PICARD_TEST_HOME", f"{get_picard_home()}-test")
os.environ["PICARD_HOME"] = os.environ["PICARD_TEST_HOME"]
os.environ["PICARD_PG_FSYNC"] = "off"  # the rows of a test may die with the machine
os.environ["EMBEDDING_PROVIDER"] = "tests.providers.WordHashes"
