"""Public import path for custom embedding providers; the code is in memories/providers/embeddings.py."""

from memories.providers.embeddings import CheckedProvider as CheckedProvider
from memories.providers.embeddings import EmbeddingProvider as EmbeddingProvider
from memories.providers.embeddings import ProviderError as ProviderError
from memories.providers.embeddings import ProviderRejected as ProviderRejected
from memories.providers.embeddings import ProviderUnavailable as ProviderUnavailable
from memories.providers.embeddings import get_provider as get_provider
from memories.providers.embeddings import reset_provider as reset_provider
