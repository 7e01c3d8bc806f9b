"""The metadata of self-registered clients (RFC 7591 2), from a registration or a client metadata document.

Clients send the same metadata to all servers. What this server does not know or cannot do is left out or replaced, as
RFC 7591 2 and 3.2.1 allow, and the response says what holds. Only clients that could not connect at all are rejected.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from oauth import client_names, redirect_uris
from oauth.settings import AUTH_METHODS, DEVICE_GRANT, GRANT_TYPES

PUBLIC = "none"
# RFC 7591 2: the default of token_endpoint_auth_method.
DEFAULT_AUTH_METHOD = "client_secret_basic"
QUOTED_URIS = 5  # rejected redirect URIs that an error names
QUOTED_CHARACTERS = 100


class InvalidClientMetadata(Exception):
    """No client can be registered with this metadata. `code` is an error of RFC 7591 3.2.2."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


@dataclass(frozen=True)
class ClientMetadata:
    """What holds for a client."""

    name: str
    redirect_uris: tuple[str, ...]
    auth_method: str
    device_flow: bool

    def build_document(self) -> dict[str, object]:
        """Return the metadata with the names of RFC 7591 2 that the toolkit reads, for which a client has one grant."""
        return {
            "client_name": self.name,
            "redirect_uris": list(self.redirect_uris),
            "grant_types": ["authorization_code"] if self.redirect_uris else [DEVICE_GRANT],
            "token_endpoint_auth_method": self.auth_method,
        }


def parse_client_metadata(document: Mapping[str, object]) -> ClientMetadata:
    """Return what this server can do of the metadata. Raises InvalidClientMetadata.

    A value that is null, empty or of another type than RFC 7591 2 says counts as absent. All other fields are ignored,
    also response_types: it follows from the grant type (RFC 7591 2.1).
    """
    grant_types = _select_grant_types(document.get("grant_types"))
    name = document.get("client_name")
    has_code = "authorization_code" in grant_types
    return ClientMetadata(
        name=client_names.clean_name(name) if isinstance(name, str) else "",
        redirect_uris=_select_redirect_uris(document.get("redirect_uris")) if has_code else (),
        auth_method=_select_auth_method(document),
        device_flow=DEVICE_GRANT in grant_types,
    )


def _select_grant_types(value: object) -> set[str]:
    """Return the grants by which the client can connect. Raises InvalidClientMetadata if it names only others."""
    named = {name for text in _iterate_strings(value) for name in text.split()}
    if named and not named & set(GRANT_TYPES):
        raise InvalidClientMetadata(
            "invalid_client_metadata",
            "grant_types must contain authorization_code or, for a device without a browser, "
            f"{DEVICE_GRANT}. This server supports only these and refresh_token.",
        )
    return named & {"authorization_code", DEVICE_GRANT} or {"authorization_code"}


def _select_auth_method(document: Mapping[str, object]) -> str:
    """Return the method. With any other than ours, the client is public: it proves itself by PKCE alone.

    ChatGPT names the method that it prefers in one field, and all that it can use in the other.
    """
    named = [*_iterate_strings(document.get("token_endpoint_auth_method"))] or [
        *_iterate_strings(document.get("token_endpoint_auth_methods_supported"))
    ]
    if not named:
        return DEFAULT_AUTH_METHOD
    return PUBLIC if PUBLIC in named else next((method for method in named if method in AUTH_METHODS), PUBLIC)


def _select_redirect_uris(value: object) -> tuple[str, ...]:
    """Return the valid ones, without duplicates. Raises InvalidClientMetadata with the reason for each if none is."""
    uris = list(dict.fromkeys(_iterate_strings(value)))
    if not uris:
        raise InvalidClientMetadata(
            "invalid_redirect_uri", "redirect_uris must be a list with at least one redirect URL."
        )
    errors = {uri: redirect_uris.get_redirect_uri_error(uri) for uri in uris}
    valid = [uri for uri in uris if not errors[uri]]
    if not valid:
        reasons = [f"{uri[:QUOTED_CHARACTERS]!a}: {error}" for uri, error in errors.items()]
        raise InvalidClientMetadata("invalid_redirect_uri", " ".join(reasons[:QUOTED_URIS]))
    return tuple(valid[: redirect_uris.MAX_COUNT])


def _iterate_strings(value: object) -> Iterator[str]:
    """Yield the strings of a list without surrounding spaces, but no empty ones. A single string is a list of one."""
    for item in [value] if isinstance(value, str) else value if isinstance(value, list) else ():
        if isinstance(item, str) and item.strip():
            yield item.strip()
