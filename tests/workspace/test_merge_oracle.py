"""Merges and their application against a model: a 3-way merge of dicts, path by path, in plain Python."""

import itertools
import subprocess
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from snapshot_files import Files, clear_files, file, load_files, new_snapshots, read_files, store_files, write_files

from forkcli.workspace.restore import apply
from forkcli.workspace.snapshots import Snapshots

PATHS = (b"a", b"a/b", b"a/c", b"b", b"d/e/f", b"-x", b":(glob)*", b"n\nl", b"\xff", b"A")
LINES = ("one", "two", "three", "four", "five", "six", "seven", "eight")


def _text(first: str, last: str) -> bytes:
    return "\n".join([first, *LINES, last, ""]).encode()


CONTENTS = (
    *(_text(first, last) for first, last in itertools.product(("", "x", "y"), ("", "z"))),
    b"",
    b"\0binary 1",
    b"\0binary 2",
    b"a\r\nb\n",
)
ENTRIES = st.one_of(
    st.tuples(st.sampled_from(["-", "-", "x"]), st.sampled_from(CONTENTS)),
    st.tuples(st.just("l"), st.sampled_from([b"nowhere", b"a", b"/etc/passwd"])),
)
Entry = tuple[str, bytes]


def _without_clashes(files: Files) -> Files:
    return {path: entry for path, entry in files.items() if not any(path.startswith(other + b"/") for other in files)}


TREES = st.dictionaries(st.sampled_from(PATHS), ENTRIES, max_size=6).map(_without_clashes)
# what a side does to some paths: leave most of the base alone, so that there is something to merge
EDITS = st.dictionaries(st.sampled_from(PATHS), st.one_of(st.none(), ENTRIES), max_size=4)


def edited(base: Files, edits: dict[bytes, Entry | None]) -> Files:
    files = dict(base)
    for path, entry in edits.items():
        if entry is None:
            files.pop(path, None)
            continue
        files = {
            other: kept
            for other, kept in files.items()
            if not other.startswith(path + b"/") and not path.startswith(other + b"/")
        }
        files[path] = entry
    return files


def content_merge(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """git's merge of three contents; None for a conflict or what is not text."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, data in (("ours", ours), ("base", base), ("theirs", theirs)):
            Path(folder, name).write_bytes(data)
            names.append(str(Path(folder, name)))
        done = subprocess.run(["git", "merge-file", "-p", "-q", *names], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def model_path(base: Entry | None, ours: Entry | None, theirs: Entry | None) -> Entry | str | None:
    """What becomes of one path; `"conflict"` where it cannot be told."""
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    if base is None or ours is None or theirs is None or "l" in {base[0], ours[0], theirs[0]}:
        return "conflict"
    kind = theirs[0] if ours[0] == base[0] else ours[0]
    data = _one_side(base[1], ours[1], theirs[1])
    if data is None:
        data = content_merge(base[1], ours[1], theirs[1])
    return "conflict" if data is None else (kind, data)


def _one_side(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    if ours in {base, theirs}:
        return theirs
    return ours if theirs == base else None


def model(base: Files, ours: Files, theirs: Files) -> tuple[Files, set[bytes]]:
    """The merged files, and the paths in conflict."""
    files: Files = {}
    conflicts: set[bytes] = set()
    for path in {*base, *ours, *theirs}:
        entry = model_path(base.get(path), ours.get(path), theirs.get(path))
        if isinstance(entry, str):
            conflicts.add(path)
        elif entry is not None:
            files[path] = entry
    held = {*files, *conflicts}
    conflicts |= {path for path in held if any(other.startswith(path + b"/") for other in held)}
    return files, conflicts


def check_followed_renames(snapshots: Snapshots, base: Files, sides: tuple[Files, Files], tree: str, renames) -> None:
    """Where a rename was followed, the new name holds both changes, and all other paths are the model's."""
    merged = load_files(snapshots, tree)
    files, conflicts = model(base, *sides)
    news = set()
    for old_name, new_name in renames:
        old, new = old_name.encode(errors="surrogateescape"), new_name.encode(errors="surrogateescape")
        news.add(new)
        mover, other = sides if old not in sides[0] else sides[::-1]
        assert merged[new][1] == content_merge(base[old][1], mover[new][1], other[old][1])
        assert old not in merged
        conflicts.discard(old)
    assert conflicts == set()
    assert {path: entry for path, entry in merged.items() if path not in news} == {
        path: entry for path, entry in files.items() if path not in news
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES, EDITS, EDITS)
def test_a_merge_and_its_application_are_what_the_model_says(
    tmp_path: Path, base: Files, our_edits, their_edits
) -> None:
    ours, theirs = edited(base, our_edits), edited(base, their_edits)
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    clear_files(project)
    snapshots = new_snapshots(project)
    trees = [store_files(snapshots, files) for files in (base, ours, theirs)]
    merged = snapshots.merge(*trees)
    expected, conflicts = model(base, ours, theirs)
    if merged.renamed:
        assert merged.tree is not None
        check_followed_renames(snapshots, base, (ours, theirs), merged.tree, merged.renamed)
        expected = load_files(snapshots, merged.tree)
    elif conflicts:
        assert merged.tree is None
        # of a file and a directory with one name, the file is named; below it git may find more
        named = {one.path.encode(errors="surrogateescape") for one in merged.conflicts}
        assert named <= conflicts | {
            path for path in {*ours, *theirs} if any(path.startswith(c + b"/") for c in conflicts)
        }
        assert named
        return
    assert merged.tree is not None
    assert load_files(snapshots, merged.tree) == expected
    write_files(project, {**ours})
    assert read_files(project) == ours
    applied = apply(snapshots, trees[1], merged.tree, "merge of f1")
    assert (applied.done, applied.conflicts, applied.kept) == (True, (), ())
    assert read_files(project) == expected
    assert not list((project / ".fork/journal").glob("*.json"))
    back = apply(snapshots, merged.tree, applied.before, "rewind")
    assert back.done
    assert read_files(project) == ours


def test_the_model_knows_a_conflict_when_it_sees_one() -> None:
    base = {b"a": file(_text("", ""))}
    assert model(base, {b"a": file(_text("x", ""))}, {b"a": file(_text("y", ""))})[1] == {b"a"}
    assert model(base, {b"a": file(_text("x", ""))}, {b"a": file(_text("", "z"))}) == (
        {b"a": file(_text("x", "z"))},
        set(),
    )
