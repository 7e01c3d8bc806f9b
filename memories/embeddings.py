"""Import path that custom embedding providers use; the code is in memories/providers/embeddings.py."""

from memories.providers.embeddings import CheckedProvider as CheckedProvider
from memories.providers.embeddings import EmbeddingProvider as EmbeddingProvider
from memories.providers.embeddings import ProviderError as ProviderError
from memories.providers.embeddings import ProviderRejected as ProviderRejected
from memories.providers.embeddings import ProviderUnavailable as ProviderUnavailable
from memories.providers.embeddings import forget_provider as forget_provider
from memories.providers.embeddings import provider as provider
