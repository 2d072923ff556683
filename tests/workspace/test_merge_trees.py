"""What a 3-way merge of snapshots makes of each pair of changes."""

from pathlib import Path

import pytest
from snapshot_files import Files, file, load_files, new_snapshots, store_files

from forkcli.workspace.snapshots import Conflict, Merged, Snapshots

LINES = "".join(f"line {number}\n" for number in range(1, 10))
KEEP: Files = {b"keep": file("k")}


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return new_snapshots(tmp_path)


def merged(snapshots: Snapshots, base: Files, ours: Files, theirs: Files) -> Merged:
    trees = [store_files(snapshots, {**KEEP, **files}) for files in (base, ours, theirs)]
    return snapshots.merge(*trees)


def result(snapshots: Snapshots, base: Files, ours: Files, theirs: Files) -> Files:
    found = merged(snapshots, base, ours, theirs)
    assert found.conflicts == ()
    assert found.tree is not None
    files = load_files(snapshots, found.tree)
    assert files.pop(b"keep") == KEEP[b"keep"]
    return files


A = {b"a": file(LINES)}


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected"),
    [
        (A, A, {b"a": file("x")}, {b"a": file("x")}),
        (A, {b"a": file("x")}, A, {b"a": file("x")}),
        (A, {b"a": file("x")}, {b"a": file("x")}, {b"a": file("x")}),
        (A, {}, {}, {}),
        (A, {}, A, {}),
        (A, A, {**A, b"n": file("n")}, {**A, b"n": file("n")}),
        ({}, {b"n": file("n")}, {b"n": file("n")}, {b"n": file("n")}),
        (A, {b"a": ("x", LINES.encode())}, {b"a": file("x\n" + LINES)}, {b"a": ("x", b"x\n" + LINES.encode())}),
        (
            A,
            {b"a": file(LINES.replace("1", "one"))},
            {b"a": file(LINES + "end\n")},
            {b"a": file(LINES.replace("1", "one") + "end\n")},
        ),
        (
            {b"a": file("1\r\n2\n3\r\n4\n5\n")},
            {b"a": file("1\r\n2\n3\r\n4\n5\r\n")},
            {b"a": file("0\n2\n3\r\n4\n5\n")},
            {b"a": file("0\n2\n3\r\n4\n5\r\n")},
        ),
        (
            {b"d/a": file("1")},
            {b"d": file("f")},
            {b"d/a": file("1"), b"n": file("n")},
            {b"d": file("f"), b"n": file("n")},
        ),
        (
            {b"d": file("1")},
            {b"d/a": file("1")},
            {b"d": file("1"), b"n": file("n")},
            {b"d/a": file("1"), b"n": file("n")},
        ),
        (
            {b"l": ("l", b"1")},
            {b"l": ("l", b"2")},
            {b"l": ("l", b"1"), b"n": file("")},
            {b"l": ("l", b"2"), b"n": file("")},
        ),
        ({b"a": file(b"\0")}, {b"a": file(b"\0")}, {b"a": file(b"\0\1")}, {b"a": file(b"\0\1")}),
    ],
)
def test_changes_that_go_together_are_merged(
    snapshots: Snapshots, base: Files, ours: Files, theirs: Files, expected: Files
) -> None:
    assert result(snapshots, base, ours, theirs) == expected
    assert result(snapshots, base, theirs, ours) == expected


BOTH = "changed on both sides in the same place"
CLASH = "a file on one side, a directory on the other"


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "path", "why"),
    [
        (A, {b"a": file("x" + LINES)}, {b"a": file("y" + LINES)}, "a", BOTH),
        (A, {}, {b"a": file("x" + LINES)}, "a", "deleted here, changed there"),
        (A, {b"a": file("x" + LINES)}, {}, "a", "changed here, deleted there"),
        ({}, {b"n": file("1")}, {b"n": file("2")}, "n", "added on both sides, differently"),
        ({}, {b"n": file("1")}, {b"n": ("x", b"1")}, "n", "added on both sides, differently"),
        ({b"a": file(b"\0")}, {b"a": file(b"\0\1")}, {b"a": file(b"\0\2")}, "a", BOTH),
        ({b"l": ("l", b"1")}, {b"l": ("l", b"2")}, {b"l": ("l", b"3")}, "l", BOTH),
        (A, {b"a": ("l", b"1")}, {b"a": file("2")}, "a", "a symbolic link on one side, a file on the other"),
        ({}, {b"d": file("1")}, {b"d/a": file("2")}, "d", CLASH),
        ({}, {b"d/a": file("1")}, {b"d": file("2")}, "d", CLASH),
        ({}, {b"d/a": file("1")}, {b"d": ("l", b"2")}, "d", CLASH),
    ],
)
def test_changes_that_do_not_go_together_are_conflicts_and_make_no_tree(
    snapshots: Snapshots, base: Files, ours: Files, theirs: Files, path: str, why: str
) -> None:
    found = merged(snapshots, base, ours, {**theirs, b"fine": file("f")})
    assert found == Merged(None, (Conflict(path, why),))


def test_all_conflicts_are_named_not_the_first(snapshots: Snapshots) -> None:
    base = {b"a": file("1"), b"b": file("1"), b"c": file("1"), b"\xff\n": file("1")}
    ours = {**base, b"a": file("2"), b"\xff\n": file("2"), b"c": file("2")}
    theirs = {**base, b"a": file("3"), b"\xff\n": file("3"), b"b": file("3")}
    assert [one.path for one in merged(snapshots, base, ours, theirs).conflicts] == ["a", "\udcff\n"]


def test_a_folder_that_one_side_deleted_and_the_other_added_to_is_no_conflict(snapshots: Snapshots) -> None:
    base = {b"d/a": file("1")}
    assert result(snapshots, base, {}, {**base, b"d/b": file("2")}) == {b"d/b": file("2")}


def test_a_rename_is_followed_when_the_other_side_changed_the_file(snapshots: Snapshots) -> None:
    changed = LINES.replace("line 8", "LINE 8")
    renamed = {b"d/b": file(LINES.replace("line 2", "LINE 2"))}
    expected = {b"d/b": file(changed.replace("line 2", "LINE 2"))}
    for ours, theirs in ((renamed, {b"a": file(changed)}), ({b"a": file(changed)}, renamed)):
        found = merged(snapshots, A, ours, theirs)
        assert found.renamed == (("a", "d/b"),)
        assert found.tree is not None
        assert load_files(snapshots, found.tree) == {**KEEP, **expected}


def test_a_rename_that_is_not_plain_is_a_conflict(snapshots: Snapshots) -> None:
    changed = {b"a": file(LINES + "end\n")}
    other = {b"b": file(LINES.replace("line", "other line", 5))}  # alike by about a half
    assert merged(snapshots, A, other, changed).tree is None
    twice = merged(snapshots, A, {b"b": file(LINES)}, {b"c": file(LINES)})
    assert twice.tree is not None  # both deleted the old name and added their own: nothing is lost
    assert set(load_files(snapshots, twice.tree)) == {b"keep", b"b", b"c"}


def test_files_that_only_look_alike_are_never_merged_into_one_another(snapshots: Snapshots) -> None:
    base = {b"p/a": file(LINES), b"p/b": file(LINES)}
    ours = {b"p/b": file(LINES), b"q/a": file(LINES)}
    theirs = {b"p/a": file(LINES), b"p/b": file(LINES + "b\n"), b"p/new": file("n")}
    assert result(snapshots, base, ours, theirs) == {
        b"q/a": file(LINES),
        b"p/b": file(LINES + "b\n"),
        b"p/new": file("n"),  # and not moved to q, because a neighbour was
    }


def test_attributes_in_the_files_have_no_say(snapshots: Snapshots) -> None:
    attributes = {b".gitattributes": file("* -merge -diff\n* merge=union\n*.x merge=ours\n")}
    base = {**attributes, b"a.x": file("1\n")}
    found = merged(snapshots, base, {**attributes, b"a.x": file("2\n")}, {**attributes, b"a.x": file("3\n")})
    assert [one.path for one in found.conflicts] == ["a.x"]


def test_three_children_are_merged_one_after_the_other(snapshots: Snapshots) -> None:
    base = {**KEEP, b"a": file(LINES)}
    children = [
        {**KEEP, b"a": file(LINES.replace("line 1", "ONE"))},
        {**KEEP, b"a": file(LINES.replace("line 5", "FIVE")), b"new": file("n")},
        {b"a": file(LINES.replace("line 9", "NINE"))},
    ]
    origin = current = store_files(snapshots, base)
    for child in children:
        tree = snapshots.merge(origin, current, store_files(snapshots, child)).tree
        assert tree is not None
        current = tree
    text = LINES.replace("line 1", "ONE").replace("line 5", "FIVE").replace("line 9", "NINE")
    assert load_files(snapshots, current) == {b"a": file(text), b"new": file("n")}
