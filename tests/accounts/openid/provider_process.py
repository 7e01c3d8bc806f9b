"""An OpenID provider on Authlib, in a process of its own: `python -m tests.accounts.openid.provider_process`.

It prints its URL and serves until its input is closed. It logs everybody in as the person in `behavior`, which
POST /behavior replaces: an honest provider, or a hostile one by any of the fields of Behavior.
"""

import hmac
import json
import os
import sys
import threading
import time
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from authlib.oauth2 import AuthorizationServer, OAuth2Request
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "picard & co", "s3cret:of picard"  # with characters that Basic must encode
HUGE_BYTES = 20_000_000
DRIP_S = 0.05


@dataclass
class Behavior:
    """What the provider does. The defaults are honest; None in a dictionary removes the field."""

    person: dict[str, Any] = field(
        default_factory=lambda: {"sub": "ada-1", "email": "ada@example.org", "email_verified": True}
    )
    claims: dict[str, Any] = field(default_factory=dict)  # changes of the ID token
    userinfo: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    response: dict[str, Any] = field(default_factory=dict)  # changes of the authorization response
    tokens: dict[str, Any] = field(default_factory=dict)  # changes of the token response
    claims_only_in_userinfo: bool = False
    algorithm: str = "RS256"
    signer: str = "first"  # the name of a key in KEYS
    key_id: str | None = "first"  # in the header of the ID token
    published: list[list[str]] = field(default_factory=lambda: [["first", "first"], ["curve", "curve"]])
    header: dict[str, Any] = field(default_factory=dict)
    replays_first_token: bool = False
    statuses: dict[str, int] = field(default_factory=dict)  # by path
    redirects: dict[str, str] = field(default_factory=dict)
    huge: list[str] = field(default_factory=list)  # paths whose body does not end
    slow: list[str] = field(default_factory=list)  # paths that send a byte now and then, and never end
    auth_time: int | None = None


def _generate_weak_key() -> RSAKey:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return RSAKey.generate_key(1_024)


KEYS: dict[str, Any] = {
    "first": RSAKey.generate_key(2_048),
    "second": RSAKey.generate_key(2_048),
    "weak": _generate_weak_key(),
    "curve": ECKey.generate_key("P-256"),
    "wide curve": ECKey.generate_key("P-384"),
    "shared": OctKey.import_key(CLIENT_SECRET * 4),
}


class Client(ClientMixin):  # type: ignore[misc]
    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return urlsplit(redirect_uri).path == "/accounts/openid/callback/"

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in build_metadata()["token_endpoint_auth_methods_supported"]

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass
class Code(AuthorizationCodeMixin):  # type: ignore[misc]
    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    auth_time: int

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return self.auth_time

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class CodeGrant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        data = request.payload.data
        challenge = data.get("code_challenge"), data.get("code_challenge_method")
        state.nonces.add(data["nonce"])
        auth_time = state.behavior.auth_time or int(time.time())
        state.codes[code] = Code(
            code, data["redirect_uri"], request.scope, data.get("nonce"), *challenge, auth_time
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        return state.codes.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        state.codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
        return state.behavior.person


class IDTokens(OpenIDCode):  # type: ignore[misc]
    """Authlib decides the claims; how they are signed, and what is wrong with them, is the behavior."""

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return nonce in state.nonces

    def generate_user_info(self, user: dict[str, Any], scope: str) -> dict[str, Any]:
        return {"sub": user["sub"]}

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        return {"iss": state.issuer}

    def get_client_algorithm(self, client: Client) -> str:
        return "RS256"  # of at_hash

    def get_encode_header(self, client: Client) -> dict[str, Any]:
        return {"alg": "RS256"}

    def resolve_client_private_key(self, client: Client) -> Any:
        return KEYS["first"]

    def encode_id_token(self, token: dict[str, Any], request: OAuth2Request) -> str:
        behavior = state.behavior
        honest = jwt.decode(super().encode_id_token(token, request), KEYS["first"]).claims
        person = {} if behavior.claims_only_in_userinfo else behavior.person
        header = {"alg": behavior.algorithm, "kid": behavior.key_id} | behavior.header
        signed = sign(change({}, header), change({**honest, **person}, behavior.claims), behavior)
        state.first_token = state.first_token or signed
        return state.first_token if behavior.replays_first_token else signed


class Server(AuthorizationServer):  # type: ignore[misc]
    def query_client(self, client_id: str) -> Client | None:
        return Client() if client_id == CLIENT_ID else None

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        state.access_tokens.add(token["access_token"])

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: object, headers: Any) -> tuple[int, object, dict[str, str]]:
        return status, body, dict(headers)

    def send_signal(self, *_args: object, **_kwargs: object) -> None:
        pass


class State:
    """Everything that the process remembers."""

    def __init__(self) -> None:
        self.issuer = ""
        self.server = Server()
        self.server.register_grant(CodeGrant, [CodeChallenge(required=True), IDTokens(require_nonce=True)])
        self.server.register_token_generator(
            "default", BearerTokenGenerator(lambda *_a, **_k: os.urandom(24).hex())
        )
        self.reset()

    def reset(self) -> None:
        self.behavior = Behavior()
        self.codes: dict[str, Code] = {}
        self.nonces: set[str] = set()
        self.access_tokens: set[str] = set()
        self.first_token = ""
        self.received: list[dict[str, Any]] = []


state = State()


def change(honest: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a copy with these changes. "+60" adds to a number."""
    changed = dict(honest)
    for name, value in changes.items():
        if value is None:
            changed.pop(name, None)
        elif isinstance(value, str) and value[:1] in "+-" and value[1:].isdecimal():
            changed[name] += int(value)
        else:
            changed[name] = value
    return changed


def sign(header: dict[str, Any], claims: dict[str, Any], behavior: Behavior) -> str:
    """Return a JWT, also one that libraries refuse to create."""
    signed = ".".join(encode_part(json.dumps(part).encode()) for part in (header, claims))
    key = KEYS[behavior.signer]
    if behavior.algorithm == "none":
        signature = b""
    elif isinstance(key, OctKey):
        signature = hmac.digest(key.raw_value, signed.encode(), "sha256")
    elif isinstance(key, ECKey):
        private: Any = key.private_key
        pair = decode_dss_signature(private.sign(signed.encode(), ECDSA(SHA256())))
        signature = b"".join(number.to_bytes(32, "big") for number in pair)
    else:
        signature = key.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{encode_part(signature)}"


def encode_part(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_GET(self) -> None:
        self._answer("GET", dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/behavior":
            state.reset()
            state.behavior = Behavior(**json.loads(body))
            self._send(200, {})
        elif self.path == "/behavior/keep":
            state.behavior = Behavior(**json.loads(body))
            self._send(200, {})
        else:
            self._answer("POST", dict(parse_qsl(body.decode(), keep_blank_values=True)))

    def _answer(self, method: str, values: dict[str, str]) -> None:
        path, behavior = urlsplit(self.path).path, state.behavior
        if path == "/received":
            self._send(200, state.received)
            return
        state.received.append({"path": path, "values": values, "headers": dict(self.headers)})
        if path in behavior.huge:
            self._send_endlessly(b"x" * 65_536, 0.0, HUGE_BYTES)
        elif path in behavior.slow:
            self._send_endlessly(b" ", DRIP_S, 10_000)
        elif path in behavior.redirects:
            self._send(302, {}, {"Location": behavior.redirects[path]})
        elif path in behavior.statuses:
            self._send(behavior.statuses[path], {"error": "server_error"})
        else:
            self._answer_honestly(path, values)

    def _answer_honestly(self, path: str, values: dict[str, str]) -> None:
        actions: dict[str, Callable[[], None]] = {
            "/.well-known/openid-configuration": lambda: self._send(200, build_metadata()),
            "/keys": lambda: self._send(200, {"keys": build_keys()}),
            "/authorize": lambda: self._authorize(values),
            "/token": lambda: self._exchange(values),
            "/userinfo": self._tell_userinfo,
        }
        actions.get(path, lambda: self._send(404, {}))()

    def _authorize(self, values: dict[str, str]) -> None:
        request = OAuth2Request("GET", f"{state.issuer}{self.path}", headers=dict(self.headers))
        request.payload = BasicOAuth2Payload(values)
        grant = state.server.get_consent_grant(request, end_user=state.behavior.person)
        status, body, headers = state.server.create_authorization_response(
            request, grant_user=state.behavior.person, grant=grant
        )
        if state.behavior.response and "Location" in headers:
            url = urlsplit(headers["Location"])
            answer = change(dict(parse_qsl(url.query)), state.behavior.response)
            headers["Location"] = url._replace(query=urlencode(answer)).geturl()
        self._send(status, body, headers)

    def _exchange(self, values: dict[str, str]) -> None:
        request = OAuth2Request("POST", f"{state.issuer}/token", headers=dict(self.headers))
        request.payload = BasicOAuth2Payload(values)
        type(request).form = property(lambda _self: _self.payload.data)
        status, body, headers = state.server.create_token_response(request)
        if status == 200 and isinstance(body, dict):
            body = change(body, state.behavior.tokens)
        self._send(status, body, headers)

    def _tell_userinfo(self) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in state.access_tokens:
            self._send(401, {"error": "invalid_token"})
        else:
            self._send(200, change(state.behavior.person, state.behavior.userinfo))

    def _send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_endlessly(self, piece: bytes, pause_s: float, total: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            for _ in range(0, total, len(piece)):
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(pause_s)

    def log_message(self, *_: object) -> None:
        pass


def build_metadata() -> dict[str, Any]:
    issuer = state.issuer
    honest: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize?tenant=1",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/keys",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "claims_supported": ["sub", "email", "email_verified", "auth_time"],
    }
    return change(honest, state.behavior.metadata)


def build_keys() -> list[dict[str, Any]]:
    """Return the published keys: pairs of a name in KEYS and the `kid` under which it is published."""
    published = []
    for name, key_id, *fields in state.behavior.published:
        key = KEYS[name].as_dict(private=name == "shared")
        key.pop("kid", None)
        published.append(key | {"kid": key_id} | dict(pair.split("=") for pair in fields))
    return published


def main() -> None:
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # http on this machine
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.issuer = f"http://127.0.0.1:{httpd.server_address[1]}"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    sys.stdout.write(f"{state.issuer}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the tests end, however they do


if __name__ == "__main__":
    main()
