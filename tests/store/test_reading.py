"""What a history holds after any accident: all that was acknowledged, and each damaged line by its number."""

import os
from pathlib import Path

import pytest
from store_help import line_1, lines_of, numbered, turn

from forkcli.core import entries as e
from forkcli.errors import ForkError
from forkcli.store.history_file import HistoryFile, keep_damaged
from forkcli.store.reading import read_history, read_lines

BODIES = [line_1(), *turn()]
LINES = lines_of(BODIES)
WHOLE = b"".join(LINES)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "history.jsonl"
    path.write_bytes(data)
    return path


def damage_of(lines: list[bytes]) -> list[tuple[int, str]]:
    return [(damage.line_no, damage.reason) for damage in read_lines(lines).damage]


def test_a_whole_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    read = read_history(written(tmp_path, WHOLE))

    assert read.entries == numbered(BODIES)
    assert not read.damage
    assert not read.torn_tail
    assert read.next_seq == len(BODIES) + 1


def test_cut_at_any_byte_it_keeps_every_whole_line_and_says_nothing(tmp_path: Path) -> None:
    ends = [0]
    for line in LINES:
        ends.append(ends[-1] + len(line))
    for size in range(len(WHOLE) + 1):
        read = read_lines(WHOLE[:size].splitlines(keepends=True))
        whole = sum(1 for end in ends[1:] if end - 1 <= size)  # a newline alone may be missing
        assert len(read.entries) == whole, size
        assert not read.damage
        assert read.torn_tail == (size not in ends and size + 1 not in ends)
        assert read.next_seq == whole + 1


def test_cut_at_any_byte_it_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    last = b"".join(LINES[:-1])
    path = tmp_path / "history.jsonl"
    for size in range(len(last) - len(LINES[-2]), len(WHOLE) + 1, 3):
        path.write_bytes(WHOLE[:size])
        before = read_history(path)
        file = HistoryFile(path)
        file.append(lines_of([e.Resume("0.1.0")], before.next_seq)[0], sync=False)
        file.close()
        after = read_history(path)

        assert path.read_bytes().startswith(WHOLE[:size])
        assert after.entries[:-1] == before.entries
        assert after.entries[-1].body == e.Resume("0.1.0")
        assert not after.damage
        assert not after.torn_tail


def test_a_tail_torn_twice_at_one_place_is_forgiven() -> None:
    lines = [*LINES[:3], LINES[3][:20] + b"\n", LINES[3][:35] + b"\0\0\0\n", *LINES[3:]]

    assert read_lines(lines).entries == numbered(BODIES)
    assert not damage_of(lines)


def test_a_damaged_line_in_the_middle_hides_nothing_after_it() -> None:
    lines = [*LINES[:3], LINES[3].replace(b"I look", b"I LOOK"), *LINES[4:]]
    read = read_lines(lines)

    assert [entry.seq for entry in read.entries] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert damage_of(lines) == [(4, "its checksum does not match")]
    assert read.damage[0].raw == lines[3]


def test_a_line_cut_short_in_the_middle_is_damage() -> None:
    assert damage_of([*LINES[:3], LINES[3][:60] + b"\n", *LINES[4:]]) == [(4, "it has no checksum at its end")]


def test_a_foreign_line_between_entries_is_damage() -> None:
    assert damage_of([*LINES[:3], b"who wrote this?\n", *LINES[3:]]) == [(4, "it has no checksum at its end")]
    assert damage_of([*LINES[:3], b"\n", *LINES[3:]]) == []


def test_a_line_that_is_gone_is_missed() -> None:
    assert damage_of([*LINES[:3], *LINES[4:]]) == [(4, "one entry is missing before it")]
    assert damage_of([*LINES[:3], *LINES[6:]]) == [(4, "3 entries are missing before it")]


def test_two_lines_run_together_are_one_damage() -> None:
    assert damage_of([*LINES[:3], LINES[3][:-1] + LINES[4], *LINES[5:]]) == [(4, "its checksum does not match")]


@pytest.mark.parametrize(
    ("again", "reason"), [(2, "its number 3 does not follow 5"), (4, "its number 5 does not follow 5")]
)
def test_a_number_that_repeats_or_falls_is_damage(again: int, reason: str) -> None:
    lines = [*LINES[:5], LINES[again], *LINES[5:]]

    assert read_lines(lines).entries == numbered(BODIES)
    assert damage_of(lines) == [(6, reason)]


def test_damage_at_the_end_takes_its_number_along() -> None:
    read = read_lines([*LINES[:-1], LINES[-1].replace(b"README", b"readme")])

    assert [damage.line_no for damage in read.damage] == [9]
    assert read.unread == 1
    assert read.next_seq == 10


def test_a_repeated_line_at_the_end_takes_no_number_along() -> None:
    assert read_lines([*LINES, LINES[-1]]).next_seq == 10


def test_a_damaged_first_line_hides_nothing() -> None:
    read = read_lines([b"{}\n", *LINES[1:]])

    assert len(read.entries) == 8
    assert [damage.line_no for damage in read.damage] == [1]


def test_a_history_may_begin_at_any_number() -> None:
    assert not damage_of(lines_of([line_1(agent="f1"), *turn()], first=41))


def test_reading_leaves_the_file_and_its_folder_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE[:-30] + b"\xff\n" + WHOLE[:10])
    before = path.stat()
    read_history(path)

    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert os.listdir(tmp_path) == ["history.jsonl"]


def test_damaged_lines_are_copied_once(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join([*LINES[:2], b"first\n", *LINES[3:5], b"second\n", *LINES[6:]]))
    for _ in range(3):
        keep_damaged(path, read_history(path).damage)

    assert (tmp_path / "history.jsonl.damaged").read_bytes() == b"first\nsecond\n"


def test_no_damage_makes_no_file(tmp_path: Path) -> None:
    keep_damaged(written(tmp_path, WHOLE), [])

    assert os.listdir(tmp_path) == ["history.jsonl"]


def test_a_newer_format_is_one_clear_error(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(lines_of([line_1(v=9), *turn()])))

    with pytest.raises(ForkError, match="format 9"):
        read_history(path)


def test_what_is_no_history_file_is_refused(tmp_path: Path) -> None:
    target = written(tmp_path, WHOLE)
    link, pipe, folder = tmp_path / "link", tmp_path / "pipe", tmp_path / "folder"
    link.symlink_to(target)
    os.mkfifo(pipe)
    folder.mkdir()

    for path in (link, pipe, folder):
        with pytest.raises(ForkError, match="cannot read"):
            read_history(path)
    with pytest.raises(ForkError, match="there is no history"):
        read_history(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["turn.jsonl", "every_type.jsonl", "torn.jsonl", "damaged.jsonl"])
def test_histories_of_the_first_format_are_read_by_every_version(name: str) -> None:
    golden = Path(__file__).parent.parent / "golden/history-v1" / name
    read = read_history(golden)
    expected = {
        "turn.jsonl": (9, [], False),
        "every_type.jsonl": (14, [], False),
        "torn.jsonl": (7, [], True),
        "damaged.jsonl": (8, [4], False),
    }[name]

    assert (len(read.entries), [damage.line_no for damage in read.damage], read.torn_tail) == expected
    assert isinstance(read.entries[0].body, e.Agent)
    if name == "turn.jsonl":
        assert [entry.body for entry in read.entries] == BODIES
    if name == "every_type.jsonl":
        kinds = {type(entry.body) for entry in read.entries}
        assert {kind.__name__ for kind in kinds} >= {"Agent", "Approval", "ModelChange", "AccessChange", "Failure"}
