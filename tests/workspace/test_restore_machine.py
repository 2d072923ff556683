"""Any sequence of edits, snapshots and rewinds, beside a model that keeps the files as dicts."""

import itertools
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from snapshot_files import Files, clear_files, load_files, new_snapshots, read_files, write_files

from forkcli.workspace.restore import apply

PATHS = (b"a", b"a/b", b"a/b/c", b"b", b"d/e", b"-x", b"n\nl", b"\xff")
NUMBERS = itertools.count()
IGNORED = (b"x.o", b"a/x.o", b"d/x.o")
ENTRIES = st.one_of(
    st.tuples(st.sampled_from(["-", "x"]), st.sampled_from([b"1\n", b"2\n", b"", b"\0\r\n"])),
    st.tuples(st.just("l"), st.sampled_from([b"nowhere", b"a"])),
)


def at(files: Files, path: bytes) -> bool:
    """Whether a file could be made at a path: no file is above it, none beneath."""
    return not any(path.startswith(other + b"/") or other.startswith(path + b"/") for other in files)


class Machine(RuleBasedStateMachine):
    place: Path
    taken = Bundle("taken")

    @initialize()
    def begin(self) -> None:
        self.folder = self.place
        clear_files(self.folder)
        self.agent = f"main{next(NUMBERS)}"
        (self.folder / ".fork/snapshots.git/indexes/+warm").unlink(missing_ok=True)
        self.snapshots = new_snapshots(self.folder)
        self.files: Files = {b".gitignore": ("-", b"*.o\n")}
        write_files(self.folder, self.files)
        self.current: tuple[str, Files] | None = None

    def _held(self) -> Files:
        return {path: entry for path, entry in self.files.items() if not path.endswith(b".o")}

    @rule(path=st.sampled_from(PATHS), entry=ENTRIES)
    def put(self, path: bytes, entry: tuple[str, bytes]) -> None:
        if path in self.files:
            self.delete(path)
        if at(self.files, path):
            self._clear(path)
            write_files(self.folder, {path: entry})
            self.files[path] = entry

    @rule(path=st.sampled_from(IGNORED))
    def put_ignored(self, path: bytes) -> None:
        if at(self.files, path) and path not in self.files:
            write_files(self.folder, {path: ("-", b"o")})
            self.files[path] = ("-", b"o")

    @rule(path=st.sampled_from((*PATHS, *IGNORED)))
    def delete(self, path: bytes) -> None:
        if self.files.pop(path, None) is not None:
            (self.folder / os.fsdecode(path)).unlink()

    def _clear(self, path: bytes) -> None:
        target = self.folder / os.fsdecode(path)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)  # holds nothing but empty directories

    @rule(target=taken)
    def take(self) -> tuple[str, Files]:
        taken = self.snapshots.take(self.agent)
        assert taken.excluded == ()
        assert load_files(self.snapshots, taken.tree) == self._held()
        self.current = (taken.tree, self._held())
        return self.current

    @rule(wanted=taken, how=st.sampled_from(["stop", "keep", "replace"]))
    def rewind(self, wanted: tuple[str, Files], how: str) -> None:
        if self.current is None:
            return
        tree, current = self.current
        before = dict(self.files)
        if how == "replace":
            tree = self.snapshots.take(self.agent).tree
        applied = apply(self.snapshots, tree, wanted[0], "rewind", keep_edited=how == "keep")
        now = read_files(self.folder)
        if how == "replace":
            current = {path: entry for path, entry in before.items() if not path.endswith(b".o")}
        differing = {path for path in {*current, *wanted[1]} if current.get(path) != wanted[1].get(path)}
        edited = {path for path in differing if before.get(path) not in {current.get(path), wanted[1].get(path)}}
        if not applied.done:
            assert now == before
            assert how != "keep"
            assert applied.conflicts
        else:
            kept = {os.fsencode(one.path) for one in applied.kept}
            assert edited <= kept
            assert kept <= differing
            expected = {**before}
            for path in differing - kept:
                expected.pop(path, None)
                if path in wanted[1]:
                    expected[path] = wanted[1][path]
            assert now == expected
            assert how == "keep" or not kept
        self.files = now
        taken = self.snapshots.take(self.agent)
        self.current = (taken.tree, self._held())

    @rule(old=consumes(taken))
    def forget_the_process(self, old: tuple[str, Files]) -> None:
        self.snapshots = new_snapshots(self.folder)

    @invariant()
    def the_disk_is_as_expected(self) -> None:
        if hasattr(self, "files"):
            assert read_files(self.folder) == self.files


@pytest.mark.timeout(120)
def test_edits_snapshots_and_rewinds_in_any_order(tmp_path: Path) -> None:
    Machine.place = tmp_path
    run_state_machine_as_test(Machine, settings=settings(max_examples=12, stateful_step_count=12, deadline=None))
