"""Which snapshot holds for an entry, and whose doing the differences are: from the entries alone."""

from typing import Any, Literal

import pytest
from build import AGENT, answer, entries, history, prompt, seal, tool_use
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.entries import (
    Body,
    Checked,
    Entry,
    Merge,
    Message,
    Rewind,
    Snapshot,
    ToolFacts,
    ToolResult,
    ToolStart,
)
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import text_block
from forkcli.core.timeline import Timeline, told_changes


def start(name: str = "bash", call: str = "c1") -> ToolStart:
    return ToolStart(CallId(call), name)


def result(name: str = "bash", call: str = "c1", **facts: Any) -> ToolResult:
    return ToolResult(CallId(call), name, (text_block("ok"),), facts=ToolFacts(**facts))


def shot(of: int, tree: str, restore: Literal["", "before", "after"] = "") -> Snapshot:
    return Snapshot(Seq(of), tree, restore=restore)


def line(*bodies: Body) -> Timeline:
    """The timeline of these bodies, the first of which is entry 2."""
    return Timeline.of(entries(bodies))


def tree_at(past: History, seq: Seq) -> str | None:
    mark = Timeline.of(past.entries).at(seq)
    return mark.tree if mark is not None else None


def yours(timeline: Timeline, seq: int) -> list[tuple[str, str]]:
    mark = timeline.at(Seq(seq))
    assert mark is not None
    return [(one.tree, other.tree) for one, other in timeline.spans(mark)]


def test_the_snapshot_of_a_checkpoint_holds_until_the_next_call_that_can_write() -> None:
    past = history(prompt(), seal(), shot(3, "A"), answer(tool_use("c1")), start(), result(), seal())
    found = [tree_at(past, Seq(seq)) for seq in range(2, 9)]
    assert found == ["A", "A", "A", "A", "A", None, None]


def test_a_later_snapshot_holds_for_what_came_before_it_if_nothing_could_write_between() -> None:
    reads = start("read"), result("read")
    past = history(prompt(), seal(), answer(tool_use("c1", "read")), *reads, seal(), shot(7, "A"))
    assert tree_at(past, Seq(3)) == "A"


def test_of_two_snapshots_the_one_on_the_same_side_of_a_prompt_is_taken() -> None:
    past = history(prompt(), seal(), answer("done"), shot(4, "A"), prompt("more"), seal(), answer("ok"), shot(8, "B"))
    assert [tree_at(past, Seq(seq)) for seq in (3, 4, 5, 6, 7, 8)] == ["A", "A", "A", "B", "B", "B"]


def test_a_snapshot_that_a_writing_call_came_into_holds_for_nothing() -> None:
    late = history(prompt(), seal(), answer(tool_use("c1")), start(), shot(3, "A"), result())
    assert tree_at(late, Seq(3)) is None
    after = history(prompt(), seal(), answer(tool_use("c1")), start(), result(), shot(3, "A"))
    assert tree_at(after, Seq(3)) is None
    assert tree_at(after, Seq(7)) is None


@pytest.mark.parametrize(
    ("between", "users"),
    [
        ((), True),
        ((prompt(),), True),
        ((start("read"), result("read")), True),
        ((start(), result()), False),
        ((start("mcp__x__y"), result("mcp__x__y")), False),
        ((Merge(AgentId("f1"), "merged", ("a",)),), False),
        ((Merge(AgentId("f1"), "conflict", ("a",)),), True),
        ((Checked("until", "make", passed=True, round=1, rounds=1),), False),
    ],
)
def test_what_differs_between_two_snapshots_is_the_user_s_doing_only_if_the_agent_could_not_write(
    between: tuple[Body, ...], users: bool
) -> None:
    timeline = line(prompt(), seal(), shot(3, "A"), *between, seal(), shot(5 + len(between), "B"))
    assert yours(timeline, 3) == ([("A", "B")] if users else [])


def test_what_a_restoring_did_is_not_the_user_s_doing_even_if_it_was_killed() -> None:
    whole = line(prompt(), seal(), shot(3, "A"), shot(4, "B", "before"), shot(5, "A", "after"), shot(6, "C"))
    assert yours(whole, 3) == [("A", "B"), ("A", "C")]
    assert [mark.seq for mark in whole.marks] == [3, 4, 6, 6]
    killed = line(prompt(), seal(), shot(3, "A"), shot(4, "B", "before"), shot(6, "half"))
    assert yours(killed, 3) == [("A", "B")]
    assert whole.at(Seq(4)) == whole.marks[1]  # to which one goes back to undo it
    assert line(shot(2, "B", "before")).torn is not None
    assert (whole.torn, killed.torn) == (None, None)


def test_a_call_that_a_rewind_left_open_does_not_hold_back_later_snapshots() -> None:
    timeline = line(prompt(), seal(), answer(tool_use("c1")), start(), Rewind(Seq(3), "user"), prompt(), shot(7, "A"))
    assert [mark.tree for mark in timeline.marks] == ["A"]
    assert timeline.at(Seq(3)) is None


def test_a_background_job_is_said_and_its_end_leaves_files_to_be_noted() -> None:
    begun = (prompt(), seal(), shot(3, "A"), start(), result(job="j1"), seal(), shot(7, "B"))
    timeline = line(*begun, seal(), shot(9, "C"))
    assert [other.jobs for _, other in timeline.spans(timeline.marks[1])] == [True]
    assert timeline.jobs == {"j1"}
    ended = line(*begun, Message("j1", "it ended"))
    assert (ended.jobs, ended.dirt) == (set(), "written")


def test_what_has_to_be_noted_is_known_without_reading_anything_twice() -> None:
    all_entries = entries([prompt(), seal(), shot(3, "A"), start("read"), result("read"), start(), result(), prompt()])
    timeline = Timeline()
    found = []
    for count in range(1, len(all_entries) + 1):
        timeline.read(all_entries[:count])
        found.append(timeline.dirt)
    assert found == ["said", "said", "said", "", "", "", "written", "written", "written"]


def test_a_fork_s_timeline_passes_over_its_past() -> None:
    timeline = Timeline.after(4)
    timeline.read(entries([prompt(), start(), result(), AGENT, seal(), shot(6, "A")]))
    assert [mark.tree for mark in timeline.marks] == ["A"]
    assert timeline.jobs == set()


def test_paths_that_tools_named_are_known_without_a_snapshot() -> None:
    merged = Merge(AgentId("f1"), "merged", ("b", "a"))
    past = entries([result(changed=("old",)), seal(), result(changed=("a",)), merged])
    assert told_changes(past, Seq(3)) == ("a", "b")


BODIES = st.sampled_from(
    [
        prompt(),
        seal(),
        start(),
        result(),
        start("read", "r"),
        result("read", "r"),
        Rewind(Seq(2), "user"),
        Merge(AgentId("f1"), "merged"),
        Message("j1", "ended"),
        result(job="j1"),
    ]
)


@given(st.lists(BODIES | st.tuples(st.integers(1, 40), st.sampled_from(["", "before", "after"])), max_size=40))
def test_any_entries_in_any_order_are_read_at_once_as_one_by_one(bodies: list[Body | tuple[int, str]]) -> None:
    made = [
        shot(min(body[0], n + 1), f"t{n}", body[1]) if isinstance(body, tuple) else body
        for n, body in enumerate(bodies)
    ]
    found: list[Entry] = entries(made)
    whole, steps = Timeline.of(found), Timeline()
    for count in range(1, len(found) + 1):
        steps.read(found[:count])
    assert (whole.marks, whole.dirt, whole.jobs) == (steps.marks, steps.dirt, steps.jobs)
    for entry in found:
        mark = whole.at(entry.seq)
        if mark is not None:  # no merge lies between the entry and the snapshot that holds for it
            first, last = sorted((mark.seq, entry.seq))
            assert not any(isinstance(one.body, Merge) for one in found if first < one.seq <= last)
