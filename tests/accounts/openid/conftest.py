"""Fixtures of the tests of the log-in by an OpenID provider."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.openid import provider as provider_module
from tests.accounts.openid.provider import ProviderProcess


@pytest.fixture(scope="session")
def _provider_process() -> Iterator[ProviderProcess]:
    with ProviderProcess() as process:
        yield process


@pytest.fixture
def provider(_provider_process: ProviderProcess, settings: Settings) -> Iterator[ProviderProcess]:
    """The configured provider, honest, with nothing cached of it."""
    _provider_process.behave()
    provider_module.get_provider.cache_clear()
    settings.OPENID = _provider_process.settings
    yield _provider_process
    provider_module.get_provider.cache_clear()
