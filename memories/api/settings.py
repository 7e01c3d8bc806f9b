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
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SCHEMA_PATH_PREFIX_INSERT": "",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": False,
    "ENUM_NAME_OVERRIDES": {
        "StateEnum": ["pending", "ready", "failed"],
        "ImportStateEnum": ["staged", "running", "done", "undone"],
    },
    "APPEND_COMPONENTS": {"securitySchemes": SECURITY_SCHEMES},
    "TAGS": [
        {"name": "memories", "description": "Short texts that a user wants AI apps to know."},
        {"name": "search", "description": "Search by keyword and by meaning."},
        {"name": "history", "description": "Earlier versions of a memory."},
        {"name": "trash", "description": "Only for the user's own session: apps see an empty trash."},
        {"name": "moving", "description": "Import and export of memories."},
        {"name": "person", "description": "Identity, profile, persona and activity of the user."},
    ],
}
