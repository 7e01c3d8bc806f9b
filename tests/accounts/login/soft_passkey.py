"""A minimal software WebAuthn authenticator, for valid and for forged responses."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftPasskey:
    """A passkey. origin: origin of the page in the browser. is_verified: whether the user was verified (PIN, face)."""

    origin: str = "http://localhost:8000"
    host: str = "localhost"
    is_verified: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    user_handle: str = ""

    def create(self, options: dict[str, Any]) -> str:
        """Return the new credential as JSON."""
        self.user_handle = options["publicKey"]["user"]["id"]
        public_key = ES256.from_cryptography_key(self.key.public_key())  # type: ignore[no-untyped-call]
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor.encode(dict(public_key))
        statement = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + attested}
        client = self._client("webauthn.create", options)
        response = {"clientDataJSON": client, "attestationObject": cbor.encode(statement)}
        return self._credential(response, {"credProps": {"rk": True}})

    def get(self, options: dict[str, Any]) -> str:
        client, data = self._client("webauthn.get", options), self._data()
        signed = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {"clientDataJSON": client, "authenticatorData": data, "signature": signed}
        return self._credential(response, {}, userHandle=self.user_handle)

    def _data(self, more: int = 0) -> bytes:
        flags = PRESENT | more | (VERIFIED if self.is_verified else 0)
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + bytes(4)

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        data = {"type": kind, "challenge": options["publicKey"]["challenge"], "origin": self.origin}
        return json.dumps(data).encode()

    def _credential(self, response: dict[str, bytes], results: dict[str, Any], **more: str) -> str:
        key_id = websafe_encode(self.id)
        encoded = {name: websafe_encode(value) for name, value in response.items()}
        credential = {"id": key_id, "rawId": key_id, "type": "public-key", "clientExtensionResults": results}
        return json.dumps({**credential, "response": encoded | more})
