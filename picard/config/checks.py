"""What must be right before anything starts. Each fault has a code and a hint (docs/configuration.md lists them).

The faults that can be seen in the settings alone stop `django.setup()` itself, and with it every command and every
web worker. A wrong master key can only be seen in the database: `accounts.keys.refuse_wrong_master_keys` is called
when a server or a worker starts.
"""

from collections.abc import Iterator
from urllib.parse import urlsplit

import Stemmer
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from core.hosts import LOOPBACK_HOSTS
from memories.providers.embeddings import PROVIDERS
from picard.config.log_config import LEVELS

SECRET_KEY_CHARACTERS = 40
DEVELOPMENT_MARKS = ("django-insecure", "change-me", "changeme", "secret-key", "development")
SIGNUP_CHOICES = ("open", "invite", "closed")
NUMBERS = {"PORT": (1, 65_535), "WEB_WORKERS": (1, 1_000), "WEB_THREADS": (1, 1_000)}
METRICS_TOKEN_CHARACTERS = 32
CONTACT_SCHEMES = ("mailto:", "https:", "tel:")  # RFC 9116 2.5.3


class BadSettings(ImproperlyConfigured):
    """What is wrong and what to do about it, in words for an operator."""


def validate_settings() -> None:
    """Raises BadSettings, naming every fault at once."""
    if settings.TOUCHES_NO_DATA:
        return
    faults = list(find_settings_faults())
    if faults:
        lines = [f"{fault.id}: {fault.msg}\n    {fault.hint}" for fault in faults]
        raise BadSettings("Picard does not start with these settings:\n" + "\n".join(lines))


def find_settings_faults() -> Iterator[CheckMessage]:
    yield from _check_variables()
    yield from _check_key_format()
    yield from _check_choices()
    yield from _check_numbers()
    yield from _check_provider()
    yield from _check_operator_settings()
    if not settings.DEBUG:
        yield from _check_secret_key()
        yield from _check_urls()


def _check_variables() -> Iterator[Error]:
    hint = "docs/configuration.md says what it may be."
    for said in settings.FAULTS_OF_VARIABLES.values():
        yield Error(f"{said}.", hint=hint, id="picard.E014")


def _check_secret_key() -> Iterator[Error]:
    try:
        key = settings.SECRET_KEY
    except ImproperlyConfigured:  # Django's own word for an empty one
        key = ""
    hint = "Set SECRET_KEY (or SECRET_KEY_FILE): manage.py keys generate prints one."
    if not key:
        yield Error("SECRET_KEY is missing.", hint=hint, id="picard.E001")
    elif len(key) < SECRET_KEY_CHARACTERS or any(mark in key.lower() for mark in DEVELOPMENT_MARKS):
        yield Error("SECRET_KEY is short, or one for development.", hint=hint, id="picard.E002")


def _check_key_format() -> Iterator[Error]:
    hint = "Set FIELD_ENCRYPTION_KEY (or FIELD_ENCRYPTION_KEY_FILE): manage.py keys generate prints one."
    if not settings.FIELD_ENCRYPTION_KEY:
        yield Error("FIELD_ENCRYPTION_KEY is missing.", hint=hint, id="picard.E003")
    for number, key in enumerate(settings.FIELD_ENCRYPTION_KEY, start=1):
        try:
            Fernet(key)
        except ValueError:
            yield Error(
                f"Key {number} of FIELD_ENCRYPTION_KEY is not a Fernet key.", hint=hint, id="picard.E004"
            )


def _check_urls() -> Iterator[Error]:
    if "*" in settings.ALLOWED_HOSTS:
        hint = "Name the hosts that this site answers to, separated by commas."
        yield Error("ALLOWED_HOSTS is *.", hint=hint, id="picard.E005")
    public = urlsplit(settings.PUBLIC_URL)
    if not public.hostname:
        hint = "Set it to the address that people open, for example https://memory.example.org"
        yield Error("PUBLIC_URL is missing or no address.", hint=hint, id="picard.E007")
    elif public.scheme != "https" and public.hostname not in LOOPBACK_HOSTS:
        hint = "Sign-in and OAuth need https anywhere but on this machine itself."
        yield Error("PUBLIC_URL is not https.", hint=hint, id="picard.E008")


def _check_choices() -> Iterator[Error]:
    if settings.SEARCH_LANGUAGE not in Stemmer.algorithms():
        hint = f"Choose one of {', '.join(Stemmer.algorithms())}."
        yield Error("SEARCH_LANGUAGE has no stemmer.", hint=hint, id="picard.E011")
    if settings.SIGNUP not in SIGNUP_CHOICES:
        yield Error("SIGNUP is not open, invite or closed.", hint="Choose one of them.", id="picard.E009")
    if settings.LOG_LEVEL not in LEVELS:
        yield Error(f"LOG_LEVEL is none of {', '.join(LEVELS)}.", hint="Choose one.", id="picard.E017")
    if not 1 <= settings.EMBEDDING_DIMENSIONS <= 1_000:
        hint = (
            "A wider vector does not fit the covering index; most models can be asked for fewer dimensions."
        )
        yield Error("EMBEDDING_DIMENSIONS is not between 1 and 1000.", hint=hint, id="picard.E010")


def _check_numbers() -> Iterator[Error]:
    for name, (least, most) in NUMBERS.items():
        if not least <= getattr(settings, name) <= most:
            yield Error(
                f"{name} is not between {least} and {most}.", hint="Choose another.", id="picard.E015"
            )


def _check_provider() -> Iterator[Error]:
    """A class of the operator's own is imported here, lest the worker fall over it. Ours are heavy, and there."""
    name = settings.EMBEDDING_PROVIDER
    try:
        if name not in PROVIDERS:
            import_string(name)
    except ImproperlyConfigured:  # it asks for a setting that another fault is about
        return
    except Exception as error:  # noqa: BLE001  (whatever it was, it is the fault)
        hint = f"Set local, openai, or the dotted path of a class ({type(error).__name__})."
        yield Error("EMBEDDING_PROVIDER cannot be imported.", hint=hint, id="picard.E016")


def _check_operator_settings() -> Iterator[Error]:
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < METRICS_TOKEN_CHARACTERS:
        hint = "Whoever guesses it reads the figures: choose a random one, or leave it out."
        yield Error(
            f"METRICS_TOKEN has under {METRICS_TOKEN_CHARACTERS} characters.", hint=hint, id="picard.E012"
        )
    contact = settings.SECURITY_CONTACT
    if contact and not (contact.startswith(CONTACT_SCHEMES) and contact.isprintable()):
        hint = "Set it to an address such as mailto:security@example.org"
        yield Error("SECURITY_CONTACT is no mailto:, https: or tel: address.", hint=hint, id="picard.E013")
