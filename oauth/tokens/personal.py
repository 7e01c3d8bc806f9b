"""The form of personal access tokens: `pic_pat_`, 43 random letters and digits, and 6 check digits (docs/scripts.md).

The check digits tell a mistyped or cut token from a revoked one without asking the database, and a secret scanner a
token from other text. They are no protection: anybody can compute them.
"""

import re
import secrets
import string
import zlib

PREFIX = "pic_pat_"
ALPHABET = (
    string.digits + string.ascii_uppercase + string.ascii_lowercase
)  # a double click selects the whole token
RANDOM_CHARACTERS = 43  # 256 bits
CHECK_CHARACTERS = 6  # a CRC-32 in base 62
PATTERN = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{RANDOM_CHARACTERS}}})([0-9A-Za-z]{{{CHECK_CHARACTERS}}})")


def new_personal_token() -> str:
    random = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_CHARACTERS))
    return f"{PREFIX}{random}{compute_check_digits(random)}"


def is_personal_token(token: str) -> bool:
    """Return whether it claims to be one. Its check digits may be wrong."""
    return token.startswith(PREFIX)


def has_valid_form(token: str) -> bool:
    """Return whether this server could have generated the token."""
    found = PATTERN.fullmatch(token)
    return found is not None and compute_check_digits(found[1]) == found[2]


def compute_check_digits(random: str) -> str:
    """Return the CRC-32 of the characters between prefix and check digits, as six digits of base 62."""
    rest, digits = zlib.crc32(random.encode()), ""
    for _ in range(CHECK_CHARACTERS):
        rest, digit = divmod(rest, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
