"""What django-oauth-toolkit is told. picard/settings.py calls this; docs/oauth.md says what it means for an app."""

from collections.abc import Iterable, Mapping
from typing import Any

from environs import Env

ACCESS_TOKEN_S = 15 * 60
REFRESH_IDLE_S = 30 * 24 * 3600
FAMILY_S = 90 * 24 * 3600  # from consent: after that the person is asked again, however busy the app was
CODE_S = 60
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
GRANT_TYPES = ["authorization_code", "refresh_token"]


def build_provider_settings(
    env: Env, issuer: str, scopes: Mapping[str, str], default_scopes: Iterable[str]
) -> dict[str, Any]:
    """Every gate shut, and our classes where the toolkit's own leave something open."""
    redirect_schemes = env.str("OAUTH_REDIRECT_SCHEMES", default="cursor vscode vscode-insiders").split()
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
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,  # a repeated refresh is answered from its receipt instead
        "PKCE_REQUIRED": True,
        "REQUEST_APPROVAL_PROMPT": "force",
        # http only for loopback (RFC 8252 7.3), which Application.clean checks; hence that one gate stays open.
        "ALLOWED_REDIRECT_URI_SCHEMES": ["https", "http", *redirect_schemes],
        "ALLOW_URI_WILDCARDS": False,
        "ALLOW_LOCALHOST_LOOPBACK": True,
        "OIDC_ENABLED": False,
        "OIDC_ISS_ENDPOINT": issuer,  # the issuer, also without OpenID Connect
        "OAUTH2_RESPONSE_TYPES_SUPPORTED": ["code"],
        "OAUTH2_GRANT_TYPES_SUPPORTED": GRANT_TYPES,
        "OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED": AUTH_METHODS,
        "DCR_ENABLED": True,
        "DCR_REGISTRATION_PERMISSION_CLASSES": ("oauth2_provider.dcr.AllowAllDCRPermission",),
        # A server of one machine may be without the network by which an app's document is fetched.
        "CIMD_ENABLED": env.bool("CLIENT_DOCUMENTS", default=issuer.startswith("https:")),
        "CIMD_METADATA_FETCHER": "oauth.registration.metadata_documents.MetadataDocumentFetcher",
        "CIMD_FETCH_TIMEOUT_SECONDS": 5,
        "CIMD_MAX_CONCURRENT_FETCHES": 2,  # of a process's threads, so that the others answer
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
