"""The language of pages and e-mails (decision 0054): English, and every language with a compiled catalog.

It is not that of a user's memories (core/languages.py), of which there are more.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, aclosing
from typing import TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, parse_cookie
from django.utils import translation
from django.utils.cache import patch_vary_headers

from core.languages import ENGLISH

T = TypeVar("T")


def find_supported(code: str) -> str:
    """Return the language of pages for a code: "zh-hans" for "zh" or "zh-TW", empty for one without a catalog."""
    try:
        return translation.get_supported_language_variant(code) if code else ""
    except LookupError:
        return ""


def choose_language(request: HttpRequest, chosen: str = "") -> str:
    """Return `chosen`, the account's language, else that of the cookie, else the browser's. English for programs."""
    if request.path_info.startswith(settings.ENGLISH_PATHS):
        return ENGLISH
    return find_supported(chosen) or translation.get_language_from_request(request)


def read_language(accept_language: bytes, cookie: bytes) -> str:
    """Return the language of a request that does not reach Django, by its headers."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT_LANGUAGE"] = accept_language.decode("latin-1")
    request.COOKIES = parse_cookie(cookie.decode("latin-1"))
    return translation.get_language_from_request(request)


def is_chosen_by_cookie(request: HttpRequest) -> bool:
    return bool(find_supported(request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")))


def speak(language: str) -> AbstractContextManager[None]:
    """Use this language, or the present one if it has no catalog or is not chosen."""
    return translation.override(find_supported(language) or translation.get_language())


class LanguageMiddleware:
    """Chooses the language of anonymous users. accounts.middleware.PersonMiddleware chooses that of others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = choose_language(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        if not request.path_info.startswith(settings.ENGLISH_PATHS):
            patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


def keep_language(language: str | None, chunks: Iterable[T]) -> Iterator[T]:
    """Iterate in this language: a generator alone would run in the one of whoever asks it for a value."""
    values = iter(chunks)
    while True:
        with translation.override(language):
            try:
                chunk = next(values)
            except StopIteration:
                return
        yield chunk


async def keep_language_async(language: str | None, chunks: AsyncIterator[T]) -> AsyncIterator[T]:
    async with aclosing(chunks):  # type: ignore[type-var]
        while True:
            with translation.override(language):
                try:
                    chunk = await anext(chunks)
                except StopAsyncIteration:
                    return
            yield chunk
