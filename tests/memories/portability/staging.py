"""Stage what somebody brings."""

from pathlib import Path
from typing import IO, Any

from accounts.actor import Actor
from memories.models import ImportBatch
from memories.portability.files.archives import NamedFile, Source
from memories.portability.imports.stage import stage_import


def stage(actor: Actor, *brought: IO[bytes] | Source, **options: Any) -> ImportBatch:
    """Stage files without a name, named files or folders."""
    sources = [each if isinstance(each, NamedFile | Path) else NamedFile(each) for each in brought]
    return stage_import(actor, sources, **options)
