"""The domain's models: import them from here, whichever file defines them."""

from memories.models.audit import ANONYMOUS_ID as ANONYMOUS_ID
from memories.models.audit import READ_ACTIONS as READ_ACTIONS
from memories.models.audit import AuditAction as AuditAction
from memories.models.audit import AuditEvent as AuditEvent
from memories.models.audit import MemoryUse as MemoryUse
from memories.models.audit import UseKind as UseKind
from memories.models.imports import OPEN_STATES as OPEN_STATES
from memories.models.imports import ImportBatch as ImportBatch
from memories.models.imports import ImportEndReason as ImportEndReason
from memories.models.imports import ImportState as ImportState
from memories.models.imports import StagedMemories as StagedMemories
from memories.models.memory import CLIENT_ID_CHARACTERS as CLIENT_ID_CHARACTERS
from memories.models.memory import SOURCE_CHARACTERS as SOURCE_CHARACTERS
from memories.models.memory import EmbeddingSpace as EmbeddingSpace
from memories.models.memory import IndexState as IndexState
from memories.models.memory import LinkedMemory as LinkedMemory
from memories.models.memory import Memory as Memory
from memories.models.memory import MemoryRevision as MemoryRevision
from memories.models.memory import MemoryTag as MemoryTag
from memories.models.memory import MemoryVector as MemoryVector
from memories.models.memory import StoredAnswer as StoredAnswer
from memories.models.memory import Tag as Tag
from memories.models.memory import Visibility as Visibility
from memories.models.preferences import KeptPair as KeptPair
from memories.models.preferences import SavedFilter as SavedFilter
from memories.models.proposals import Proposal as Proposal
