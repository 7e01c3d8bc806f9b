"""Settings of django-oauth-toolkit, for picard/settings.py. docs/oauth.md describes them for developers of apps."""

from collections.abc import Iterable, Mapping
from typing import Any

from environs import Env

ACCESS_TOKEN_S = 15 * 60
REFRESH_IDLE_S = 30 * 24 * 3600
FAMILY_S = 90 * 24 * 3600  # since consent; then the user must consent again, even if the app was in use
CODE_S = 60
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
DEVICE_CODE_S = 10 * 60
POLL_INTERVAL_S = 5
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
GRANT_TYPES = ["authorization_code", "refresh_token", DEVICE_GRANT]


def build_provider_settings(
    env: Env, issuer: str, scopes: Mapping[str, str], default_scopes: Iterable[str]
) -> dict[str, Any]:
    """Return the strictest settings, with our own classes where the toolkit's are too permissive."""
    return {
        "SCOPES": dict(scopes),
        "DEFAULT_SCOPES": list(default_scopes),
        "SCOPES_BACKEND_CLASS": "oauth.toolkit.scopes.ClientScopes",
        "OAUTH2_SERVER_CLASS": "oauth.toolkit.server.StrictServer",
        "OAUTH2_BACKEND_CLASS": "oauth.toolkit.server.StrictBackend",
        "OAUTH2_VALIDATOR_CLASS": "oauth.toolkit.validator.StrictValidator",
        "ACCESS_TOKEN_GENERATOR": "oauth.tokens.families.new_access_token",
        "REFRESH_TOKEN_GENERATOR": "oauth.tokens.families.new_refresh_token",
        "CLIENT_SECRET_GENERATOR_CLASS": "oauth.client_secrets.ClientSecretGenerator",
        "ACCESS_TOKEN_EXPIRE_SECONDS": ACCESS_TOKEN_S,
        "REFRESH_TOKEN_EXPIRE_SECONDS": REFRESH_IDLE_S,
        "AUTHORIZATION_CODE_EXPIRE_SECONDS": CODE_S,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,  # a retried refresh gets the stored response instead
        "PKCE_REQUIRED": True,
        "REQUEST_APPROVAL_PROMPT": "force",
        "ALLOW_URI_WILDCARDS": False,
        "ALLOW_LOCALHOST_LOOPBACK": True,
        "OIDC_ENABLED": False,
        "OIDC_ISS_ENDPOINT": issuer,  # the issuer, also without OpenID Connect
        "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
        "OAUTH2_GRANT_TYPES_SUPPORTED": GRANT_TYPES,
        "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": AUTH_METHODS,
        "DCR_ENABLED": True,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
        # A local server may have no network to fetch documents.
        "CIMD_ENABLED": env.bool("CLIENT_DOCUMENTS", default=issuer.startswith("https:")),
        "CIMD_METADATA_FETCHER": "oauth.registration.metadata_documents.MetadataDocumentFetcher",
        "CIMD_FETCH_TIMEOUT_SECONDS": 5,
        "CIMD_MAX_CONCURRENT_FETCHES": 2,  # per process, so that its other threads stay available
        "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
        "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
        "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
        "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
        "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
        "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
        "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
        "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
        "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
    }
