"""The environment variables of the tests, set before Django reads its settings (see pyproject.toml).

The tests use a separate embedded PostgreSQL, never the data of `make run`.
"""

import os

from picard.config.paths import get_picard_home

for name in (
    "DATABASE_URL",
    "SYSTEM_DATABASE_URL",
    "MIGRATE_DATABASE_URL",
    "DATABASE_POOLED",
    "DATABASE_DIRECT_URL",
    "DATABASE_REPLICA_URL",
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
# A separate variable, so that the workers of pytest-xdist inherit the same value.
os.environ.setdefault("PICARD_TEST_HOME", f"{get_picard_home()}-test")
os.environ["PICARD_HOME"] = os.environ["PICARD_TEST_HOME"]
os.environ["PICARD_PG_FSYNC"] = "off"  # test data need not survive a crash
# Threads of numpy's linear algebra wait busily for each other: with two on two busy cores, a QR costs 30 times the CPU.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ["EMBEDDING_PROVIDER"] = "tests.providers.WordHashes"
