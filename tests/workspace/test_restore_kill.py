"""A change of files that is killed at any step is whole or undone after the next start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "restore_kill.py"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", ["apply", "recover", "edit", "meanwhile"])
def test_killed_or_disturbed_at_every_step(tmp_path: Path, how: str) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path), how], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["points"] >= 15
