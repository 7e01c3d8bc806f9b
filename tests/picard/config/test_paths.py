"""Paths: folders and data files of the server have fixed locations."""

import hashlib
import os
from pathlib import Path

import pytest

from memories.index import languages
from memories.providers import embeddings_local
from picard.config import paths
from picard.demo import texts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _default_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PICARD_HOME", raising=False)


def test_project_is_the_folder_of_manage_py() -> None:
    assert paths.PROJECT == ROOT
    assert (paths.PROJECT / "manage.py").is_file()


def test_home_of_an_ordinary_user_is_in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert paths.get_picard_home() == ROOT / ".picard"


@pytest.mark.parametrize("may_enter", [True, False])
def test_home_of_root_is_accessible_for_postgresql(may_enter: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(paths, "_is_world_accessible", lambda _folder: may_enter)
    digest = hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:8]
    expected = ROOT / ".picard" if may_enter else Path(f"/var/lib/picard-{digest}")
    assert paths.get_picard_home() == expected


def test_data_files_exist_at_the_paths_of_their_readers() -> None:
    data = ROOT / "memories" / "index" / "data"
    assert data == languages.DATA
    assert data / "bert-base-uncased-vocab.txt" == embeddings_local.VOCABULARY
    assert texts.HERE == ROOT / "picard" / "demo"
    for file in (*data.glob("*.txt"), *texts.HERE.glob("*.txt")):
        assert file.stat().st_size
    assert {"bert-base-uncased-vocab.txt"} < {file.name for file in data.glob("*.txt")}
