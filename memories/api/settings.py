"""What Django REST framework and drf-spectacular are told; picard/settings.py takes it in."""

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
        "description": "An app on a person's behalf: authorization code with PKCE.",
        "flows": {"authorizationCode": _FLOW},
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "picard_session",
        "description": (
            "The person's own session; at an https address the cookie is named __Host-session. To write it needs the "
            "header X-CSRFToken, too."
        ),
    },
}

SPECTACULAR_SETTINGS: dict[str, object] = {
    "TITLE": "Picard",
    "DESCRIPTION": (
        "A person's memories, for apps that they allowed. Every answer that is an error is a problem of RFC 9457. "
        "What is not yours and what is not there are one answer: 404."
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
        {"name": "memories", "description": "What a person wants AI to know."},
        {"name": "search", "description": "By word and by meaning."},
        {"name": "history", "description": "What a memory said before."},
        {"name": "trash", "description": "The person's own session only: to an app it looks empty."},
        {"name": "moving", "description": "Memories brought in from elsewhere, and taken out."},
        {"name": "person", "description": "Who is asking, and what was done in their name."},
    ],
}
