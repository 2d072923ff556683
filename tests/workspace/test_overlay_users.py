"""Forks of an ordinary user: the same files, the same isolation, and removal without any rights."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from overlay_kit import place
from test_attacks import HERE, NOBODY, ORDINARY, PACKAGE

pytestmark = [
    pytest.mark.usefixtures("needs_sandbox"),
    pytest.mark.skipif(ORDINARY is None, reason="the tests do not run as root, or no other user may run this Python"),
]


class Other:
    """A project of another user, and what that user does with it."""

    def __init__(self, top: Path) -> None:
        self.root = top / "project"
        self.home = top / "home"
        for folder in (self.root / ".fork/notes", self.root / "src", self.home):
            folder.mkdir(parents=True)
        (self.root / "README.md").write_text("# A project\n")
        (self.root / "src/hello.py").write_text("hello")
        self.layers = str(place(self.root, "f1"))
        self.below = str(place(self.root, "f2"))
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(top)], check=True)

    def drive(self, *steps: dict[str, Any]) -> list[Any]:
        done = subprocess.run(
            [str(ORDINARY), "-B", str(HERE / "fork_drive.py")],
            input=json.dumps({"root": str(self.root), "steps": steps}).encode(),
            capture_output=True,
            env={
                **os.environ,
                "HOME": str(self.home),
                "PYTHONPATH": str(PACKAGE),
                "XDG_STATE_HOME": "",
                "TMPDIR": "/tmp",
            },
            cwd="/",
            check=False,
            timeout=50,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
        )
        assert done.returncode == 0, done.stderr.decode()
        outcomes: list[Any] = json.loads(done.stdout)
        return outcomes


@pytest.fixture
def other() -> Iterator[Other]:
    top = Path(tempfile.mkdtemp(prefix="fork-test-", dir="/tmp"))
    top.chmod(0o755)
    yield Other(top)
    shutil.rmtree(top)


def test_an_ordinary_user_forks_and_stays_who_they_are(other: Other) -> None:
    made, end, free, _, text, changed = other.drive(
        {"fork": "f1", "layers": other.layers},
        {"in": "f1", "sh": "id -u; stat -c %u README.md; rm -r src; echo x > new; git init -q; cat README.md"},
        {"in": "f1", "sh": "id -u; cat new; touch free", "options": {"sandboxed": False}},
        {"in": "f1", "write": "d/tool", "text": "by a tool"},
        {"in": "f1", "read": "d/tool"},
        {"in": "f1", "changed": True},
    )
    assert made == {"kind": "overlay", "notes": []}
    assert end["head"] == f"{NOBODY}\n{NOBODY}\n# A project\n"
    assert free["head"] == f"{NOBODY}\nx\n"
    assert text == "by a tool"
    assert [path for path, what in changed if what == "gone"] == ["src"]
    assert {"new", "free", "d/tool"} <= {path for path, what in changed if what == "written"}
    assert sorted(path.name for path in other.root.iterdir()) == [".fork", "README.md", "src"]


def test_their_forks_are_forked_and_opened_again(other: Other) -> None:
    script = {"in": "f2", "sh": "cat one; ls; echo two > two"}
    end = other.drive(
        {"fork": "f1", "layers": other.layers},
        {"in": "f1", "sh": "echo one > one; rm -r src"},
        {"in": "f1", "fork": "f2", "layers": other.below},
        script,
        {"in": "f1", "fork": "r", "layers": other.below, "access": "read"},
        {"in": "r", "sh": "cat one; touch x"},
    )
    assert end[3]["head"] == "one\nREADME.md\none\n"
    assert end[5]["exit_code"] == 1
    assert end[5]["head"].startswith("one\n")
    again = other.drive(
        {"fork": "f1", "layers": other.layers}, {"in": "f1", "fork": "f2", "layers": other.below}, script
    )
    assert again[2]["head"] == "one\nREADME.md\none\ntwo\n"


def test_their_layers_are_removed_whatever_is_in_them(other: Other) -> None:
    outcomes = other.drive(
        {"fork": "f1", "layers": other.layers},
        {"in": "f1", "sh": "mkdir -p a/b; touch a/b/c; chmod 000 a/b a; rm -r src; mkdir src; chmod 000 README.md src"},
        {"in": "f1", "changed": True},
        {"in": "f1", "close": True},
        {"remove": other.layers},
    )
    assert ["a", "unreadable"] in outcomes[2]
    assert outcomes[4] is None
    assert not Path(other.layers).exists()


def test_files_of_someone_else_are_read_and_what_cannot_be_changed_is_said(other: Other) -> None:
    theirs = other.root / "theirs"
    theirs.mkdir()
    (theirs / "file").write_text("root's")
    made, text, error = other.drive(
        {"fork": "f1", "layers": other.layers},
        {"in": "f1", "read": "theirs/file"},
        {"in": "f1", "write": "theirs/file", "text": "changed"},
    )
    assert made["kind"] == "overlay"
    assert text == "root's"
    assert "theirs/file" in error["error"]
    assert (theirs / "file").read_text() == "root's"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_forks_a_project_of_someone_else(other: Other) -> None:
    done = subprocess.run(
        [sys.executable, "-B", str(HERE / "fork_drive.py")],
        input=json.dumps(
            {
                "root": str(other.root),
                "steps": [
                    {"fork": "f1", "layers": other.layers},
                    {"in": "f1", "write": "README.md", "text": "changed"},
                    {"in": "f1", "write": "src/new", "text": "new"},
                    {"in": "f1", "sh": "stat -c %u README.md src", "options": {"sandboxed": False}},
                ],
            }
        ).encode(),
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        check=True,
        timeout=50,
    )
    outcomes = json.loads(done.stdout)
    assert outcomes[1:3] == [None, None]
    assert outcomes[3]["head"] == f"{NOBODY}\n{NOBODY}\n"
    assert (other.root / "README.md").read_text() == "# A project\n"
