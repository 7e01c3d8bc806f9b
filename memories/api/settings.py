"""Settings of Django REST framework and drf-spectacular, imported by picard/settings.py."""

from memories import scopes

API_VERSION = "1.0.0"

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["memories.api.authentication.ActorAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["memories.api.authentication.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": ["memories.api.throttles.ActorRateThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["memories.api.parsers.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["memories.api.parsers.JsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "memories.api.parsers.JsonContentNegotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "memories.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,
}

# Where the server is, for programs that read docs/openapi.yaml. A running server states its own address instead.
SERVERS = [
    {
        "url": "{origin}",
        "variables": {
            "origin": {"default": "http://127.0.0.1:8000", "description": "The PUBLIC_URL of the server."}
        },
    }
]
# Relative to the server, as OpenAPI resolves them.
_FLOW = {
    "authorizationUrl": "/oauth/authorize/",
    "tokenUrl": "/oauth/token/",
    "refreshUrl": "/oauth/token/",
    "scopes": scopes.DESCRIPTIONS,
}
SECURITY_SCHEMES = {
    "oauth": {
        "type": "oauth2",
        "description": "An app on behalf of a user: authorization code with PKCE.",
        "flows": {"authorizationCode": _FLOW},
    },
    # Not only `oauth`: generated clients that are given a token put `Bearer` before it for this scheme alone.
    "token": {"type": "http", "scheme": "bearer", "description": "An access token that the app already has."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "picard_session",
        "description": (
            "The user's own session. Over HTTPS the cookie is named __Host-session. Requests that change data also "
            "need the X-CSRFToken header."
        ),
    },
}

SPECTACULAR_SETTINGS: dict[str, object] = {
    "TITLE": "Picard",
    "DESCRIPTION": (
        "Access to a user's memories for the apps that they connected. Errors are problem details as defined in "
        "RFC 9457. Resources that do not exist and those of other users both return 404."
    ),
    "VERSION": API_VERSION,
    "SERVERS": SERVERS,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_INSERT": "",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "memories.api.openapi.client_hooks.describe_defaults",
        "drf_spectacular.hooks.postprocess_schema_enums",
        "memories.api.openapi.client_hooks.simplify_requests",
    ],
    "SORT_OPERATIONS": False,
    "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    "TAGS": [
        {"name": "memories", "description": "Short texts that a user wants AI apps to know."},
        {"name": "search", "description": "Search by keyword and by meaning."},
        {"name": "history", "description": "Earlier versions of a memory."},
        {"name": "trash", "description": "Only for the user's own session: apps see an empty trash."},
        {"name": "review", "description": "Proposals: changes that need the user's approval."},
        {"name": "moving", "description": "Import and export of memories."},
        {"name": "person", "description": "Identity, profile, persona and activity of the user."},
        {"name": "apps", "description": "The connected apps; only for the user's own session."},
    ],
}
