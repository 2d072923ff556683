"""Appending: whole or not at all, durable when it says so, and never to a file that nobody will read."""

import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from store_help import begun, line_1, lines_of, made

from forkcli.core import entries as e
from forkcli.errors import ForkError, Kind
from forkcli.store.agent_files import HISTORY, create_agent, open_agent
from forkcli.store.check import check_agent
from forkcli.store.files import append_whole
from forkcli.store.history_file import HistoryFile
from forkcli.store.reading import read_history

WRITER = Path(__file__).parent / "writer_process.py"


def agent_folder(tmp_path: Path) -> Path:
    scratch = made(tmp_path / "project")
    return scratch.agent_folder(scratch.new_session(), "main")


def writer(folder: Path, *numbers: int, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    words = [*before, sys.executable, str(WRITER), str(folder), *map(str, numbers)]
    return subprocess.Popen(words, stdout=subprocess.PIPE)


def test_killed_at_any_moment_a_writer_loses_no_entry_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(7)
    folder = agent_folder(tmp_path)
    acknowledged = 1
    for size in (10, 200_000, 3_000_000, 10, 1_000_000, 50_000):
        process = writer(folder, size, 100_000)
        assert process.stdout is not None
        for _ in range(chance.randint(1, 12)):
            acknowledged = int(process.stdout.readline())
        process.kill()
        rest = process.stdout.read().split(b"\n")[:-1]
        acknowledged = int(rest[-1]) if rest else acknowledged
        process.wait()
        process.stdout.close()
        read = read_history(folder / HISTORY)

        assert not read.damage
        assert [entry.seq for entry in read.entries] == list(range(1, len(read.entries) + 1))
        assert len(read.entries) >= acknowledged
    open_agent(folder)[0].close()
    assert check_agent(folder) == []


def test_a_write_that_is_cut_short_by_a_limit_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = agent_folder(tmp_path)
    said = writer(folder, 1000, 100, 20_000).communicate()[0].decode().splitlines()
    data = (folder / HISTORY).read_bytes()

    assert said[-1] == f"STORAGE: cannot save `{folder / HISTORY}`: the file would grow beyond the allowed size"
    assert data.endswith(b"\n")
    assert data.count(b"\n") == int(said[-2])
    assert not read_history(folder / HISTORY).damage


def test_a_full_disk_leaves_nothing_half_written_and_says_so(tmp_path: Path) -> None:
    """On a file system of 64 KiB of its own, where user namespaces allow one; else under a limit on the file's size."""
    small = tmp_path / "small"
    small.mkdir()
    script = (
        f"mount -t tmpfs -o size=64k none {small} && mkdir -m 700 -p {small}/.fork/sessions/s/agents && "
        f'"$@" && cat {small}/.fork/sessions/s/agents/main/{HISTORY} >&2'
    )
    enter = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh")
    can = (
        shutil.which("unshare")
        and subprocess.run([*enter[:4], "true"], capture_output=True, check=False).returncode == 0
    )
    if not can:
        test_a_write_that_is_cut_short_by_a_limit_leaves_nothing_behind(tmp_path)
        return
    folder = small / ".fork/sessions/s/agents/main"
    words = [*enter, sys.executable, str(WRITER), str(folder), "3000", "100"]
    done = subprocess.run(words, capture_output=True, check=True)
    said = done.stdout.decode().splitlines()

    assert said[-1] == f"STORAGE: cannot save `{folder / HISTORY}`: no space is left on the device"
    assert done.stderr.endswith(b"\n")
    assert done.stderr.count(b"\n") == int(said[-2]) > 10


def test_a_write_that_fails_says_why_also_when_nothing_can_be_cut_back(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before\n")
    fd = os.open(path, os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        append_whole(fd, b"after\n")
    os.close(fd)

    assert path.read_bytes() == b"before\n"


def test_a_failed_append_ends_the_writing(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    file = HistoryFile(path, new=True)
    first = lines_of([line_1()])[0]
    file.append(first, sync=True)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most))
    try:
        with pytest.raises(ForkError, match="beyond the allowed size"):
            file.append(lines_of([e.Notice("x" * (2 << 20))], 2)[0], sync=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    assert path.read_bytes() == first
    with pytest.raises(ForkError, match="could not be written before"):
        file.append(first, sync=True)


def test_after_a_failure_nothing_more_is_taken(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    file = HistoryFile(path, new=True)
    file.append(lines_of([line_1()])[0], sync=True)
    with path.open("ab") as other:
        other.write(b"somebody else\n")

    for sentence in ("was changed by another program", "could not be written before"):
        with pytest.raises(ForkError, match=sentence) as caught:
            file.append(lines_of([e.Notice("x")], 2)[0], sync=True)
        assert caught.value.kind is Kind.STORAGE
    assert path.read_bytes().endswith(b"somebody else\n")


def test_a_history_that_was_removed_or_replaced_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    file = HistoryFile(path, new=True)
    path.unlink()

    with pytest.raises(ForkError, match="was removed or replaced by another program"):
        file.append(b"{}\n", sync=False)
    file.close()
    file.close()
    with pytest.raises(ForkError):
        file.append(b"{}\n", sync=False)


def test_a_torn_tail_is_closed_before_the_next_append(tmp_path: Path) -> None:
    path = tmp_path / HISTORY
    first, second = lines_of([line_1(), e.Notice("x")])
    path.write_bytes(first + second[:9])
    file = HistoryFile(path)
    file.append(second, sync=True)
    file.append(b"", sync=True)
    file.close()

    assert path.read_bytes() == first + second[:9] + b"\n" + second
    assert not read_history(path).damage


def test_an_agent_is_made_only_once(tmp_path: Path) -> None:
    files = begun(made(tmp_path))
    with pytest.raises(ForkError, match="cannot save"):
        create_agent(files.folder)


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_no_link_and_no_device_is_written_to(tmp_path: Path, what: str) -> None:
    path, target = tmp_path / HISTORY, tmp_path / "bashrc"
    target.write_text("precious\n")
    {"link": lambda: path.symlink_to(target), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[what]()

    with pytest.raises(ForkError) as caught:
        HistoryFile(path)
    assert caught.value.kind is Kind.STORAGE
    assert target.read_text() == "precious\n"
