"""What a newcomer and a runner are told to do is one thing: README, .ci/run and the workflow agree."""

import os
import re
import subprocess
from pathlib import Path

from documents import code_blocks
from source import ROOT

RUN = ROOT / ".ci/run"


def setup_commands() -> list[str]:
    """The README's two commands for a fresh machine."""
    blocks = [block.text.strip() for block in code_blocks(ROOT / "README.md") if block.info == "sh"]
    return [text for text in blocks if text.startswith("python3 -m venv")]


def test_the_readme_has_one_command_for_the_demo_and_one_for_the_tests() -> None:
    demo, tests = setup_commands()
    assert demo.endswith("fork demo")
    assert tests.endswith("python -m pytest -n 2")
    assert "\n" not in demo + tests


def test_a_clean_checkout_is_checked_by_the_readmes_own_commands() -> None:
    script = RUN.read_text()
    for command in setup_commands():
        for part in command.split(" && ")[1:]:
            assert re.search(rf"^{re.escape(part)}( |$)", script, re.MULTILINE), part


def test_the_check_is_a_sound_script_that_reads_no_input() -> None:
    assert os.access(RUN, os.X_OK)
    assert subprocess.run(["bash", "-n", str(RUN)], check=False).returncode == 0
    assert "exec </dev/null" in RUN.read_text()


def test_workflows_pin_their_actions_and_ask_for_nothing() -> None:
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        text = path.read_text()
        used = re.findall(r"uses:\s*(\S+)", text)
        assert used
        assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action) for action in used), used
        assert "permissions: {}" in text
        assert ".ci/run" in text


def test_no_ignore_rule_hides_a_part_of_the_package(sealed: Path) -> None:
    if not (ROOT / ".git").exists():
        return  # an unpacked source archive: its rules have been applied
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "forkcli").rglob("*") if "__pycache__" not in path.parts]
    done = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "check-ignore", "--stdin"],
        cwd=ROOT,
        input="\n".join(files),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
