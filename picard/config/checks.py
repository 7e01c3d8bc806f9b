"""Checks of the settings at start. Each error has a code and a hint (listed in docs/configuration.md).

Errors in the settings stop `django.setup()`, and with it every command and every web worker. A wrong master key can
only be detected in the database: servers and workers call `accounts.keys.refuse_wrong_master_keys` when they start.
"""

from collections.abc import Iterator

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from core import languages
from core.db.roles import Role
from core.hosts import DEFAULT_PORTS, LOOPBACK_HOSTS, is_web_url, parse_origin
from core.process_signals import SERVER_CHECKS
from memories.providers.embeddings import PROVIDERS
from picard.config.log_config import LEVELS

SECRET_KEY_CHARACTERS = 40
DEVELOPMENT_MARKS = ("django-insecure", "change-me", "changeme", "secret-key", "development")
SIGNUP_CHOICES = ("open", "invite", "closed")
NUMBERS = {
    "PORT": (1, 65_535),
    "WEB_WORKERS": (1, 1_000),
    "WEB_THREADS": (1, 1_000),
    "STATEMENT_TIMEOUT_S": (1, 3_600),
    "DATABASE_REPLICA_WAIT_MS": (0, 1_000),
}
METRICS_TOKEN_CHARACTERS = 32
MAX_DIMENSIONS = 1_024  # 57 words of a passage fit into its index row besides such a vector
MAX_MODEL_DIMENSIONS = 16_384
CONTACT_SCHEMES = ("mailto:", "https:", "tel:")  # RFC 9116 2.5.3


class BadSettings(ImproperlyConfigured):
    """The settings have errors; the message lists them with hints for the operator."""


def validate_settings() -> None:
    """Raise BadSettings with all errors at once."""
    if settings.TOUCHES_NO_DATA:
        return
    faults = list(find_settings_faults())
    if faults:
        lines = [f"{fault.id}: {fault.msg}\n    {fault.hint}" for fault in faults]
        raise BadSettings("Picard cannot start with these settings:\n" + "\n".join(lines))


def find_settings_faults() -> Iterator[CheckMessage]:
    yield from _check_variables()
    yield from _check_key_format()
    yield from _check_choices()
    yield from _check_numbers()
    yield from _check_pooler()
    yield from _check_provider()
    yield from _check_embeddings()
    yield from _check_chat_model()
    yield from _check_openid()
    yield from _check_operator_settings()
    if not settings.DEBUG:
        yield from _check_secret_key()
        yield from _check_hosts()
    yield from _check_public_url()


@register(SERVER_CHECKS)
def check_proxy(**_: object) -> list[CheckMessage]:
    """Warn if the limits per IP address would be for all clients together. Servers and the doctor print it."""
    if not settings.PUBLIC_URL.startswith("https:") or settings.TRUSTED_PROXY_HOPS:
        return []
    hint = (
        "Without counting the proxy that terminates TLS, all clients share the limits per IP address, and there is no "
        "redirect to https and no HSTS. Set TRUSTED_PROXY_HOPS to the number of proxies."
    )
    return [Warning("PUBLIC_URL is https, but TRUSTED_PROXY_HOPS is 0.", hint=hint, id="picard.W002")]


@register(SERVER_CHECKS)
def check_database_roles(**_: object) -> list[CheckMessage]:
    """Warn if the web server could do in the database what only other programs need.

    The owner of the tables need not be known here: only migrations and backups use it. The doctor asks PostgreSQL.
    """
    web, system, owner = (settings.DATABASE_LOGINS[role] for role in (Role.WEB, Role.SYSTEM, Role.OWNER))
    others = [system] if owner is web else [system, owner]
    if web.get("USER", "") not in [login.get("USER", "") for login in others]:
        return []
    message = "The web server has the database rights of the worker or of the tables' owner."
    hint = "Set SYSTEM_DATABASE_URL and MIGRATE_DATABASE_URL to other roles (docs/deployment.md)."
    return [Warning(message, hint=hint, id="picard.W001")]


def _check_variables() -> Iterator[Error]:
    hint = "See docs/configuration.md for the allowed values."
    for message in settings.FAULTS_OF_VARIABLES.values():
        yield Error(f"{message}.", hint=hint, id="picard.E014")


def _check_secret_key() -> Iterator[Error]:
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django raises it for an empty key
        key = ""
    hint = "Set SECRET_KEY or SECRET_KEY_FILE. `manage.py keys generate` prints a key."
    if not key:
        yield Error("SECRET_KEY is missing.", hint=hint, id="picard.E001")
    elif len(key) < SECRET_KEY_CHARACTERS or any(mark in key.lower() for mark in DEVELOPMENT_MARKS):
        message = f"SECRET_KEY has fewer than {SECRET_KEY_CHARACTERS} characters or is a development key."
        yield Error(message, hint=hint, id="picard.E002")


def _check_key_format() -> Iterator[Error]:
    hint = "Set FIELD_ENCRYPTION_KEY or FIELD_ENCRYPTION_KEY_FILE. `manage.py keys generate` prints a key."
    if not settings.FIELD_ENCRYPTION_KEY:
        yield Error("FIELD_ENCRYPTION_KEY is missing.", hint=hint, id="picard.E003")
    for number, key in enumerate(settings.FIELD_ENCRYPTION_KEY, start=1):
        try:
            Fernet(key)
        except ValueError:
            yield Error(
                f"Key {number} in FIELD_ENCRYPTION_KEY is not a Fernet key.", hint=hint, id="picard.E004"
            )


def _check_hosts() -> Iterator[Error]:
    if "*" in settings.ALLOWED_HOSTS:
        hint = "List the host names of this site, separated by commas."
        yield Error("ALLOWED_HOSTS is *.", hint=hint, id="picard.E005")


def _check_public_url() -> Iterator[Error]:
    origin = parse_origin(settings.PUBLIC_URL)
    if origin is None or origin.scheme not in DEFAULT_PORTS:
        hint = "Set it to the URL that users open, for example https://memory.example.org (ASCII, without user name)."
        yield Error("PUBLIC_URL is missing or invalid.", hint=hint, id="picard.E007")
    elif str(origin) != settings.PUBLIC_URL:
        hint = f"Picard needs a host of its own. Set it to {origin}"
        yield Error("PUBLIC_URL has a path, a query or a fragment.", hint=hint, id="picard.E007")
    elif origin.scheme != "https" and origin.host not in LOOPBACK_HOSTS and not settings.DEBUG:
        hint = "Log-in and OAuth require https, except on a local URL."
        yield Error("PUBLIC_URL is neither https nor a local URL.", hint=hint, id="picard.E008")


def _check_choices() -> Iterator[Error]:
    if languages.find_code(settings.SEARCH_LANGUAGE) is None:
        hint = f"Choose one of {', '.join(languages.CODES)}."
        yield Error("SEARCH_LANGUAGE is not a known language.", hint=hint, id="picard.E011")
    if settings.SIGNUP not in SIGNUP_CHOICES:
        hint = f"Set it to {', '.join(SIGNUP_CHOICES[:-1])} or {SIGNUP_CHOICES[-1]}."
        yield Error("SIGNUP has an invalid value.", hint=hint, id="picard.E009")
    if settings.LOG_LEVEL not in LEVELS:
        hint = f"Set it to {', '.join(LEVELS[:-1])} or {LEVELS[-1]}."
        yield Error("LOG_LEVEL is not a valid level.", hint=hint, id="picard.E017")


def _check_embeddings() -> Iterator[Error]:
    if not 1 <= settings.EMBEDDING_DIMENSIONS <= MAX_DIMENSIONS:
        hint = "Wider vectors do not fit into the covering index. Ask the model for fewer dimensions, or set "
        hint += "EMBEDDING_MODEL_DIMENSIONS to its width."
        message = f"EMBEDDING_DIMENSIONS is not between 1 and {MAX_DIMENSIONS}."
        yield Error(message, hint=hint, id="picard.E010")
    width = settings.EMBEDDING_MODEL_DIMENSIONS
    if width and not settings.EMBEDDING_DIMENSIONS <= width <= MAX_MODEL_DIMENSIONS:
        hint = (
            f"Set it to the number of dimensions of the model, at most {MAX_MODEL_DIMENSIONS}, or unset it."
        )
        message = "EMBEDDING_MODEL_DIMENSIONS is less than EMBEDDING_DIMENSIONS or too large."
        yield Error(message, hint=hint, id="picard.E010")
    if settings.EMBEDDING_PROVIDER != "openai":
        return
    if settings.OPENAI_BASE_URL and not is_web_url(settings.OPENAI_BASE_URL):
        hint = "Set it to a URL such as http://127.0.0.1:11434/v1"
        yield Error("OPENAI_BASE_URL is not an http or https URL.", hint=hint, id="picard.E031")
    if settings.EMBEDDING_TIMEOUT_S <= 0:
        yield Error("EMBEDDING_TIMEOUT_S is not positive.", hint="Choose another value.", id="picard.E031")


def _check_numbers() -> Iterator[Error]:
    for name, (least, most) in NUMBERS.items():
        if not least <= getattr(settings, name) <= most:
            yield Error(
                f"{name} is not between {least} and {most}.", hint="Choose another value.", id="picard.E015"
            )


def _check_pooler() -> Iterator[Error]:
    if not settings.DATABASE_POOLED:
        return
    if settings.EMBEDDED:
        hint = "Set DATABASE_URL to the URL of the pooler, or unset DATABASE_POOLED."
        yield Error("DATABASE_POOLED is set without DATABASE_URL.", hint=hint, id="picard.E033")
    elif settings.DATABASES["default"]["ROLE"] != Role.WEB and not settings.DATABASE_DIRECT:
        hint = (
            "The worker, migrations, backups and other commands need sessions of their own. Set it to the URL of the "
            "database itself, past the pooler (docs/scaling.md)."
        )
        message = "DATABASE_POOLED is set, but DATABASE_DIRECT_URL is missing."
        yield Error(message, hint=hint, id="picard.E033")


def _check_provider() -> Iterator[Error]:
    """Import an operator's own class, so that the worker need not fail on it. The built-in ones are slow to import."""
    name = settings.EMBEDDING_PROVIDER
    try:
        if name not in PROVIDERS:
            import_string(name)
    except ImproperlyConfigured:  # it reads a setting that another check reports
        return
    except Exception as error:  # noqa: BLE001  (any exception is the error to report)
        hint = f"Set it to local, local-multilingual, openai, or the dotted path of a class ({type(error).__name__})."
        yield Error("EMBEDDING_PROVIDER cannot be imported.", hint=hint, id="picard.E016")


def _check_chat_model() -> Iterator[Error]:
    if settings.CHAT.model and (fault := settings.CHAT.find_fault()):
        message, hint = fault
        yield Error(message, hint=hint, id="picard.E030")


def _check_openid() -> Iterator[Error]:
    if fault := settings.OPENID.find_fault():
        message, hint = fault
        yield Error(message, hint=hint, id="picard.E018")


def _check_operator_settings() -> Iterator[Error]:
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < METRICS_TOKEN_CHARACTERS:
        hint = "A short token can be guessed. Generate a random one, or unset it."
        message = f"METRICS_TOKEN has fewer than {METRICS_TOKEN_CHARACTERS} characters."
        yield Error(message, hint=hint, id="picard.E012")
    contact = settings.SECURITY_CONTACT
    if contact and not (contact.startswith(CONTACT_SCHEMES) and contact.isprintable()):
        hint = "Set it to a URI such as mailto:security@example.org"
        yield Error("SECURITY_CONTACT is not a mailto:, https: or tel: URI.", hint=hint, id="picard.E013")
