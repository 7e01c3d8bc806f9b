"""Secrets that can be recognized in a conversation: replaced before anything is sent."""

from __future__ import annotations

import re

REMOVED = "[secret removed]"
# Keys and tokens by their published prefixes, and what the text itself calls a secret.
_TOKENS = (
    r"\bsk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic and those who imitate them
    r"\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{30,}",
    r"\bgithub_pat_[A-Za-z0-9_]{30,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\bAIza[A-Za-z0-9_-]{30,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\bhf_[A-Za-z0-9]{30,}",
    r"\bnpm_[A-Za-z0-9]{30,}",
    r"\bpypi-[A-Za-z0-9_-]{30,}",
    r"\b(?:pic_pat|picard_(?:at|rt|dc|cs))_[A-Za-z0-9_-]{10,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JSON Web Token
)
_SECRETS = re.compile("|".join(_TOKENS))
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?P<kind>[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----"
    r"(?:(?!-----BEGIN ).)*?(?:-----END (?P=kind)-----|\Z)",
    re.DOTALL,
)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,100}:)[^\s/@]{1,200}(@)", re.IGNORECASE)
_BEARER = re.compile(r"(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE)
_NAMED = re.compile(
    r"(\b[\w-]{0,40}(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token"
    r"|access[_-]?token|refresh[_-]?token|pin)\b[\"']?\s*(?:=|:|\bis\b)\s*)(?P<quote>[\"']?)[^\s\"',;]{3,200}",
    re.IGNORECASE,
)


def remove_secrets(text: str) -> str:
    """Return the text with REMOVED in place of what looks like a secret. It cannot recognize every one."""
    text = _PRIVATE_KEY.sub(REMOVED, text)
    text = _SECRETS.sub(REMOVED, text)
    text = _URL_PASSWORD.sub(rf"\g<1>{REMOVED}\g<2>", text)
    text = _BEARER.sub(rf"\g<1>{REMOVED}", text)
    return _NAMED.sub(lambda match: f"{match[1]}{match['quote']}{REMOVED}", text)
