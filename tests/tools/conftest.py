"""A desk in an empty directory for each test of a tool."""

from pathlib import Path

import pytest
from tools_kit import Desk, Folder


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    root = tmp_path / "project"
    root.mkdir()
    return Desk(Folder(root))
