"""The scratch dir: made once, private, and refused where somebody else had a hand in it."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from store_help import begun, made, turn

from forkcli.core.ids import SessionId
from forkcli.errors import ForkError, Kind
from forkcli.store.lock import _try, is_locked, lock_session
from forkcli.store.scratch import Scratch

NOW = datetime(2026, 11, 22, 9, 25, tzinfo=UTC)


def test_it_is_made_once_and_hidden_from_git(project: Path) -> None:
    scratch = made(project)
    (scratch.folder / "config.toml").write_text("")
    scratch.ensure()
    status = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=project, capture_output=True, check=True)

    assert status.stdout == b"?? .fork/config.toml\n"
    assert sorted(os.listdir(scratch.folder)) == [".gitignore", "config.toml", "notes", "sessions"]


def test_what_a_user_put_into_gitignore_stays(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    (scratch.folder / ".gitignore").write_text("mine\n")
    scratch.ensure()

    assert (scratch.folder / ".gitignore").read_text() == "mine\n"


def test_a_folder_that_came_with_the_project_becomes_private(tmp_path: Path) -> None:
    (tmp_path / ".fork").mkdir(mode=0o755)
    scratch = made(tmp_path)

    assert scratch.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("part", [".", "notes", "sessions"])
@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_a_part_that_is_no_real_folder_is_refused(tmp_path: Path, part: str, kind: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    scratch = Scratch(tmp_path)
    place = scratch.folder / part
    if part != ".":
        scratch.folder.mkdir()
    if kind == "file":
        place.write_text("")
    else:
        place.symlink_to(elsewhere)
    if kind == "link":
        elsewhere.mkdir()

    with pytest.raises(ForkError, match=r"is a symbolic link|is not a folder") as caught:
        scratch.ensure()
    assert caught.value.kind is Kind.STORAGE
    assert not elsewhere.exists() or not os.listdir(elsewhere)


@pytest.mark.parametrize("name", [".gitignore", ".probe", "sessions/20261122-0925-abc/prompt.md"])
def test_no_file_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    scratch = made(tmp_path)
    session = scratch.new_session(lambda: NOW, lambda: "abc")
    target = tmp_path / "bashrc"
    target.write_text("precious\n")
    place = scratch.folder / name
    place.unlink(missing_ok=True)
    place.symlink_to(target)
    scratch.ensure()
    scratch.write_prompt(session, [b"hello"])

    assert target.read_text() == "precious\n"
    assert not place.is_symlink()


ENSURE = """
import os, sys
from pathlib import Path
from forkcli.errors import ForkError
from forkcli.store.scratch import Scratch
if "as-user" in sys.argv and os.geteuid() == 0:  # root passes over permissions
    os.setuid(65534)
try:
    Scratch(Path(sys.argv[1])).ensure()
except ForkError as error:
    print(error.kind.name, error.sentence)
"""


def reachable(tmp_path: Path) -> Path:
    """A folder that any user of the machine can come to."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


def test_a_project_that_cannot_be_written_to_is_an_error_of_storage(tmp_path: Path) -> None:
    folder = reachable(tmp_path) / "locked"
    folder.mkdir(mode=0o555)
    words = [sys.executable, "-c", ENSURE, str(folder), "as-user"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)

    assert ran.stdout == f"STORAGE cannot save `{folder / '.fork'}`: permission is denied\n"


def test_a_scratch_dir_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        scratch = made(tmp_path)
        os.chown(scratch.folder, 65534, 65534)
        with pytest.raises(ForkError, match="belongs to user 65534, and fork runs as user 0"):
            scratch.ensure()
    else:
        # An ordinary user owns only what is theirs: the root of the file system is somebody else's.
        from forkcli.store.files import own_folder

        with pytest.raises(ForkError, match="belongs to user 0"):
            own_folder(Path("/"), make=False)


def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    enter = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        ran = subprocess.run(
            [sys.executable, "-c", limit + ENSURE, str(small)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.startswith("STORAGE cannot save")
        return
    script = f'mount -t tmpfs -o size=16k none {small} && "$@"; ls -a {small}/.fork'
    words = [*enter, "sh", "-c", script, "sh", sys.executable, "-c", ENSURE, str(small)]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)

    assert ran.stdout.splitlines()[0] == f"STORAGE cannot save `{small}/.fork/.probe`: no space is left on the device"
    assert ".probe" not in ran.stdout.splitlines()[1:]


def test_a_project_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ForkError, match="no such file or directory"):
        Scratch(tmp_path / "gone").ensure()


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_sessions_get_ids_of_the_minute_and_never_the_same(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    tails = iter(["abc", "abc", "abd"])
    first = scratch.new_session(lambda: NOW, lambda: next(tails))
    second = scratch.new_session(lambda: NOW, lambda: next(tails))

    assert (first, second) == ("20261122-0925-abc", "20261122-0925-abd")
    assert re.fullmatch(r"\d{8}-\d{4}-[a-z0-9]{3}", scratch.new_session())
    with pytest.raises(ForkError, match="no free name"):
        scratch.new_session(lambda: NOW, lambda: "abc")


def session_of(scratch: Scratch, tail: str, prompt: bytes = b"", age_s: int = 0) -> SessionId:
    files = begun(scratch, *turn())
    files.close()
    folder = files.folder.parents[1]
    session = SessionId(f"20261122-0925-{tail}")
    target = folder.rename(folder.with_name(session))
    if prompt:
        scratch.write_prompt(session, [prompt])
    when = datetime.now(UTC).timestamp() - age_s
    os.utime(target / "agents/main/history.jsonl", (when, when))
    return session


def test_sessions_are_listed_by_what_was_last_recorded(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    old = session_of(scratch, "aaa", b"\n\n  Fix the parser  \nplease\xff", age_s=900)
    new = session_of(scratch, "bbb", age_s=10)
    scratch.new_session()
    (scratch.folder / "sessions/notes").mkdir()
    (scratch.folder / "sessions/20261122-0925-ccc").write_text("a file")
    found = scratch.sessions()

    assert [summary.id for summary in found] == [new, old]
    assert [summary.title for summary in found] == ["", "Fix the parser"]
    assert found[0].created == NOW
    assert found[0].agents == 1
    assert scratch.newest() == old  # nothing was ever asked in the other one
    scratch.write_prompt(new, [b"now"])
    assert scratch.newest() == new


def test_a_project_without_sessions_says_so(tmp_path: Path) -> None:
    for scratch in (Scratch(tmp_path / "new"), made(tmp_path)):
        assert scratch.sessions() == []
        with pytest.raises(ForkError, match="there is no session in"):
            scratch.newest()
        with pytest.raises(ForkError) as caught:
            scratch.find("abc")
        assert caught.value.hints == ("there are none in this project yet",)


def test_a_session_is_found_by_a_unique_beginning_or_end(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    session_of(scratch, "aab")
    session_of(scratch, "cab")
    third = session_of(scratch, "ccc")

    assert scratch.find("20261122-0925-ccc") == scratch.find("ccc") == third
    with pytest.raises(ForkError, match="`ab` could be any of 2 sessions") as caught:
        scratch.find("ab")
    assert caught.value.hints == ("one of: 20261122-0925-cab, 20261122-0925-aab",)
    for text in ("2026", "", "../..", "zzz", "20261122-0925-cccc"):
        with pytest.raises(ForkError):
            scratch.find(text)
    with pytest.raises(ForkError, match="there is no session `zzz`") as caught:
        scratch.find("zzz")
    assert "20261122-0925-ccc" in caught.value.hints[0]


def test_long_lists_of_sessions_are_cut(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    for number in range(13):
        session_of(scratch, f"x{number:02d}")
    with pytest.raises(ForkError) as caught:
        scratch.find("2026")

    assert caught.value.hints[0].endswith("and 3 more")


@pytest.mark.parametrize("name", ["..", "../../etc", "", "main/..", "20261122-0925-k3f/.."])
def test_no_name_leads_out_of_the_scratch_dir(tmp_path: Path, name: str) -> None:
    scratch = made(tmp_path)
    with pytest.raises(ForkError, match="is no session id"):
        scratch.session_folder(SessionId(name))
    with pytest.raises(ForkError, match="is no agent id"):
        scratch.agent_folder(SessionId("20261122-0925-k3f"), name)


def test_nothing_in_a_session_can_hold_up_or_mislead_a_list(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    odd = session_of(scratch, "aaa")
    secret = tmp_path / "secret"
    secret.write_text("token")
    os.mkfifo(scratch.prompt_file(odd))
    linked = session_of(scratch, "bbb")
    scratch.prompt_file(linked).symlink_to(secret)
    empty = session_of(scratch, "ccc")
    (scratch.agent_folder(empty, "main") / "history.jsonl").write_bytes(b"")
    shapely = scratch.session_folder(odd).rename(scratch.folder / "sessions/99999999-9999-aaa")

    assert {(summary.id, summary.title) for summary in scratch.sessions()} == {(shapely.name, ""), (linked, "")}
    assert scratch.agents(SessionId("20261122-0925-zzz")) == []


def test_agents_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    session = session_of(scratch, "aaa")
    main = scratch.agent_folder(session, "main")
    for name in ("f10", "s2", "f1", "f9999999", "notes"):
        shutil.copytree(main, main.parent / name)
    (main.parent / "f3").mkdir()

    assert scratch.agents(session) == ["main", "f1", "s2", "f10"]


def test_a_session_that_came_with_the_project_is_not_gone_on_with(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    session = session_of(scratch, "aaa")
    folder = scratch.check_session(session)
    folder.chmod(0o755)

    with pytest.raises(ForkError, match="was not made by fork here") as caught:
        scratch.check_session(session)
    subprocess.run(caught.value.hints[0].split("`")[1].split(), check=True)
    assert scratch.check_session(session) == folder
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    with pytest.raises(ForkError, match="is a symbolic link"):
        scratch.check_session(session)


def test_the_prompt_is_kept_verbatim(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    session = scratch.new_session()
    path = scratch.write_prompt(session, iter([b"\xff\x00\r\n", b"rest"]))

    assert path == scratch.prompt_file(session)
    assert path.read_bytes() == b"\xff\x00\r\nrest"


# --- the lock ---------------------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from forkcli.store.lock import lock_session
lock = lock_session(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_told_who_holds_the_session(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    try:
        with pytest.raises(ForkError, match=f"is in use by process {holder.pid}") as caught:
            lock_session(tmp_path)
        assert caught.value.hints
        assert is_locked(tmp_path) == holder.pid
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()

    assert is_locked(tmp_path) is None
    with lock_session(tmp_path):
        assert is_locked(tmp_path) == os.getpid()
    assert is_locked(tmp_path) is None


def test_nobody_is_kept_out_by_somebody_who_only_asks(tmp_path: Path) -> None:
    lock_session(tmp_path).release()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            is_locked(tmp_path)
            done.wait(0.001)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(50):
            lock_session(tmp_path).release()
    finally:
        done.set()
        asking.join()


def test_a_session_that_was_never_locked_is_free(tmp_path: Path) -> None:
    assert is_locked(tmp_path) is None


def test_a_holder_that_left_no_number_is_another_process(tmp_path: Path) -> None:
    lock = lock_session(tmp_path)
    (tmp_path / "lock").write_bytes(b"")
    with pytest.raises(ForkError, match="in use by another process"):
        lock_session(tmp_path)
    assert is_locked(tmp_path) == 0
    lock.release()
    lock.release()


def test_a_lock_that_the_system_refuses_is_an_error_of_storage(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_PATH)
    with pytest.raises(ForkError, match="bad file descriptor") as caught:
        _try(fd, tmp_path, fcntl.LOCK_EX, 1)
    os.close(fd)
    assert caught.value.kind is Kind.STORAGE


def test_a_lock_is_never_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "lock").symlink_to(target)
    with pytest.raises(ForkError, match="it is a symbolic link"):
        lock_session(tmp_path)
    assert target.read_text() == "precious"
