"""`pytest` alone checks everything: strict types and lint are tests like any other."""

import subprocess
import sys

import pytest
from source import ROOT


def run(*words: str) -> str:
    """Run a checker as a module of this interpreter; what it complained about, or nothing."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.timeout(400)
def test_the_package_is_strictly_typed() -> None:
    assert run("mypy", "-p", "forkcli") == ""


def test_the_linter_is_content() -> None:
    assert run("ruff", "check", ".") == ""


def test_the_formatter_is_content() -> None:
    assert run("ruff", "format", "--check", ".") == ""
