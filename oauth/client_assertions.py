"""Client assertions (RFC 7521 4.2, RFC 7523 2.2), such as ChatGPT sends. No signature is verified.

A client that registered with `private_key_jwt` is public here: it proves itself by PKCE. Its assertion only says which
client it is, like the parameter client_id, which it may replace.
"""

import base64
import json

MAX_CHARACTERS = 10_000
NUL = "\0"


def get_client_id(assertion: str) -> str:
    """Return the client id that the assertion names, empty if it is malformed."""
    parts = assertion.split(".") if len(assertion) <= MAX_CHARACTERS else []
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError, RecursionError):
        return ""
    names = [claims.get(name) for name in ("sub", "iss")] if isinstance(claims, dict) else []
    return next((name for name in names if isinstance(name, str) and name and NUL not in name), "")
