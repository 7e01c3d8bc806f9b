"""Public import path for custom embedding providers, with the names that release 0.1 gave them.

The code is in memories/providers/embeddings.py.
"""

from memories.providers.embeddings import (
    CheckedProvider,
    EmbeddingProvider,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
)
from memories.providers.embeddings import get_provider as provider
from memories.providers.embeddings import normalize_vector as unit
from memories.providers.embeddings import reset_provider as forget_provider

__all__ = [
    "CheckedProvider",
    "EmbeddingProvider",
    "ProviderError",
    "ProviderRejected",
    "ProviderUnavailable",
    "forget_provider",
    "provider",
    "unit",
]
