"""Password hashing in bounded memory."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

_turn = threading.Semaphore(1)


class BoundedArgon2PasswordHasher(Argon2PasswordHasher):
    """Django's Argon2, one at a time in each process. Each takes 100 MB, and anyone can ask for a log-in."""

    def encode(self, password: str, salt: str) -> str:
        with _turn:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with _turn:
            return super().verify(password, encoded)
