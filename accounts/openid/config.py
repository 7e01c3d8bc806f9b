"""Settings of the log-in by an OpenID provider. Without them, there is none."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from environs import Env

from core.hosts import is_loopback_host, parse_origin

MAX_NAME_CHARACTERS = 40


@dataclass(frozen=True)
class OpenIDSettings:
    """The OpenID provider, and this server's registration there. An empty `issuer` means that there is none."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    name: str = ""

    @property
    def label(self) -> str:
        """What the pages call the provider: its name, or its host. Empty if there is none."""
        return (self.name or get_host(self.issuer)) if self.issuer else ""

    def find_fault(self) -> tuple[str, str] | None:
        """Return what is wrong with the settings and how to fix it, None if nothing is."""
        values = {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": self.client_id,
            "OIDC_CLIENT_SECRET": self.client_secret,
        }
        if not any(values.values()):
            return None
        if missing := [name for name, value in values.items() if not value]:
            return (
                f"{' and '.join(missing)} missing, but {_join(values, missing)} set.",
                "Set all three for log-in by an OpenID provider, or none of them.",
            )
        if not is_secure_url(self.issuer) or urlsplit(self.issuer).query or urlsplit(self.issuer).fragment:
            return (
                "OIDC_ISSUER is not an https URL.",
                "Set it to `issuer` in the provider's /.well-known/openid-configuration, without query or fragment. "
                "http is allowed for a provider on this machine only.",
            )
        if len(self.name) > MAX_NAME_CHARACTERS or not self.name.isprintable():
            return (
                f"OIDC_NAME has more than {MAX_NAME_CHARACTERS} characters, or invisible ones.",
                "Shorten it.",
            )
        return None


def load_openid_settings(env: Env) -> OpenIDSettings:
    return OpenIDSettings(
        issuer=env.str("OIDC_ISSUER", default=""),
        client_id=env.str("OIDC_CLIENT_ID", default=""),
        client_secret=env.str("OIDC_CLIENT_SECRET", default=""),
        name=env.str("OIDC_NAME", default=""),
    )


def is_secure_url(url: str) -> bool:
    """Return whether this is an https URL, or http on this machine, without user name."""
    origin = parse_origin(url)
    return origin is not None and (
        origin.scheme == "https" or (origin.scheme == "http" and is_loopback_host(origin.host))
    )


def get_host(url: str) -> str:
    origin = parse_origin(url)
    return origin.host if origin else ""


def _join(values: dict[str, str], missing: list[str]) -> str:
    present = [name for name in values if name not in missing]
    return f"{' and '.join(present)} {'is' if len(present) == 1 else 'are'}"
