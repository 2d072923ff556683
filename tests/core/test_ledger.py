"""The ledger of a rewind: all that happened after a checkpoint, whatever branch it was on."""

from dataclasses import replace

from core.build import AGENT, answer, entries, prompt, result, seal, tool_use
from core.ledger_kit import F1, F2, F3, FOLDER, SPENT, back, book, done, ran, text
from core.test_any_history import BODIES
from hypothesis import given, settings
from hypothesis import strategies as st

from forkcli.core import entries as e
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.ledger import ledger
from forkcli.core.ledger_parts import World
from forkcli.core.ledger_text import ledger_told
from forkcli.core.messages import text_block
from forkcli.core.telling import cut_told, notice_told, told

# --- what is on it ----------------------------------------------------------------------------------------------------


def test_what_was_known_at_the_checkpoint_is_not_on_it() -> None:
    assert ledger_told(ledger(entries([prompt("mend it"), *ran("make"), seal(6)]), Seq(6)), FOLDER) == (
        '<ledger since="6">\nNothing but answers of the model is on record.\n</ledger>'
    )


def test_the_user_is_quoted_word_for_word_and_what_they_were_told_stands_beside_it() -> None:
    lines = text(
        answer("It was the cache."),
        prompt("Good.\nNow the docs, please."),
        e.Message("user", "in British English"),
        e.Notice(f"{e.RAN}git diff` in /p (exit code 0):\nlong output"),
        *done("send", to="user", text="Half done."),
        *done("send", to="user", text="Which page?", wait=True),
        e.Interrupt("user"),
    )
    assert lines == (
        '<ledger since="3">\nWhat the user said, word for word, and what they were told:\n'
        "- you answered: It was the cache.\n"
        "- the user: Good.\n  Now the docs, please.\n"
        "- the user, while you worked: in British English\n"
        "- the user ran `git diff` in /p (exit code 0): long output\n"
        "- you told them: Half done.\n"
        "- you asked them: Which page?\n"
        "- the user answered: ok\n"
        "- the user stopped you here\n</ledger>"
    )


def test_an_answer_that_calls_a_tool_is_not_what_the_user_was_told() -> None:
    said = book(answer("I look.", tool_use("toolu_1", "read", path="a")), result("toolu_1"), answer("Done."))
    assert [talk.text for talk in said.talk] == ["Done."]


def test_commands_are_told_with_how_they_ended_and_the_newest_run_of_the_same_one_stands_for_all() -> None:
    refused = done("bash", reads="Not run: the user refused network for this command.", error=True, command="curl x")
    wrong = done("bash", reads="`bash` has no field `cmd`.", error=True, cmd="ls")
    lines = text(
        *ran("pytest -q", 1), *ran("ls\n  -l"), *refused, *wrong, *ran("pytest -q", 0, "..\n2 passed\n[cwd: src]")
    )
    assert lines.splitlines()[1:-1] == [
        "Commands that ran, the newest last:",
        "- `ls -l`: exit 0",
        "- `curl x`: Not run: the user refused network for this command.",
        "- `pytest -q`: exit 0, 2 times; last line: 2 passed",
    ]


def test_checks_of_the_users_are_told_with_what_they_came_to() -> None:
    failed = e.Checked("until", "make test", passed=False, round=1, rounds=5, text="1 failed", exit_code=2)
    found = e.Checked("review", "speed", passed=False, round=1, rounds=2, text="It is slow.", sender="s2")
    lines = text(failed, replace(failed, passed=True, round=2, exit_code=0, text=""), found, replace(found, text=""))
    assert lines.splitlines()[1:-1] == [
        "Commands that ran, the newest last:",
        "- `make test`: exit 0, the user's check of your work, round 2, 2 times",
        "Messages between agents:",
        "- from s2: It is slow.",
    ]


def test_a_call_is_found_by_the_id_that_went_to_the_api_where_an_endpoint_gives_ids_anew() -> None:
    def run(*named: tuple[str, str]) -> list[e.Body]:
        asks = answer(*(tool_use("call_1", "bash", command=command) for _, command in named))
        facts = e.ToolFacts(exit_code=0)
        return [asks, *(e.ToolResult(CallId(name), "bash", (), facts=facts) for name, _ in named)]

    kept = book(
        *run(("call_1", "ls")), *run(("call_1_2", "make"), ("call_1_3", "make test")), back(), *run(("call_1", "pwd"))
    )
    assert [one.command for one in kept.commands] == ["ls", "make", "make test", "pwd"]


def test_a_job_that_runs_is_told_with_its_output_and_one_that_has_ended_as_a_command() -> None:
    first = done("bash", e.ToolFacts(job="j1", output_file="out/job-1.txt"), command="npm run dev", background=True)
    second = done("bash", e.ToolFacts(job="j2", output_file="out/job-2.txt"), command="make", background=True)
    stopped = done("bash", e.ToolFacts(job="j2", job_over=True), stop="j2")
    lines = text(*first, *second, *stopped, world=World(jobs={"j1": "npm run dev"}))
    assert "- `make`: background job j2, over\n" in lines
    assert lines.count("npm run dev") == 1
    assert lines.endswith("Background jobs that still run:\n- j1: `npm run dev`; output: out/job-1.txt\n</ledger>")


def test_tools_of_others_are_told_like_commands() -> None:
    lines = text(*done("mcp__db__drop", table="users"), *done("mcp__db__drop", error=True, reads="no such table"))
    assert "- `mcp__db__drop {'table': 'users'}`: done\n- `mcp__db__drop {}`: no such table" in lines


def test_reads_are_told_by_file_with_the_lines_that_were_shown() -> None:
    def read(path: str, first: int, last: int) -> tuple[e.Body, ...]:
        rows = "\n".join(f"{n:>6}\ttext" for n in range(first, last + 1))
        return done("read", reads=rows, path=path, offset=first)

    lines = text(
        *read("a.py", 1, 40), *read("b c.py", 5, 6), *read("a.py", 90, 95), *read("a.py", 41, 60),
        *done("read", reads="[`src` is a directory, 2 entries]\na\nb", path="src"),
        *done("read", reads="no such file", error=True, path="gone.py"),
    )  # fmt: skip
    assert lines.splitlines()[1:-1] == [
        "Read, and no longer in your context:",
        "- a.py, lines 1-60, 90-95",
        "- 'b c.py', lines 5-6",
        "- src",
    ]


def test_forks_are_told_with_what_they_came_to() -> None:
    order = e.Fork((e.Child(F1, "add the tests"), e.Child(F2, "write the docs")), Seq(4), wait=False)
    report = e.Report(F1, "done", "All 9 pass.\nThe rest is fine.", steps=6)
    merge = e.Merge(F1, "merged", ("tests/test_a.py",))
    late = e.Report(AgentId("f9"), "failed", "No key.", steps=1)
    kept = book(order, report, merge, report, late, world=World(running=frozenset({F2})))
    assert ledger_told(kept, FOLDER).splitlines()[2:-1] == [
        "Agents that you started:",
        "- f1: add the tests",
        "  done, 6 steps, reported: All 9 pass.",
        "  The rest is fine.",
        "  its files: merged: tests/test_a.py",
        "- f2: write the docs",
        "  still at work",
        "- f9: (started before)",
        "  failed, 1 step, reported: No key.",
    ]
    assert ledger_told(book(order), FOLDER).count("no report of it is on record") == 2


def test_spawned_agents_are_told_like_forks_and_the_one_that_asks_for_all_with_its_brief() -> None:
    order = e.Spawn("The parser is slow.", (e.Child(F2, "profile it"),), Seq(4), onboarded=AgentId("s1"))
    assert text(order).splitlines()[1:-1] == [
        "Agents that you started:",
        "- s1: onboarded for workers: The parser is slow.",
        "  no report of it is on record",
        "- f2: profile it",
        "  no report of it is on record",
    ]
    assert "s1" not in text(replace(order, onboarded=None))


def test_messages_between_agents_questions_and_permissions_are_told() -> None:
    lines = text(
        e.Message("f1", "I am half done"),
        e.Message("j1", "[job j1 ended]", job="j1"),
        *done("send", to="f1", text="look at b.py first"),
        *done("send", to="parent", text="Which one?", wait=True),
        *done("send", to="f7", text="lost", error=True),
        e.Approval(None, "net", "pip install x", "always"),
        e.Approval(None, "unsandboxed", "git push", "no"),
    )
    assert lines.splitlines()[1:-1] == [
        "Messages between agents:",
        "- from f1: I am half done",
        "- to f1: look at b.py first",
        "- to parent: Which one?",
        "  answered: ok",
        "Permissions that the user was asked for:",
        "- net: `pip install x`: allowed always",
        "- unsandboxed: `git push`: refused",
    ]


def test_of_changes_of_the_model_the_newest_is_told() -> None:
    lines = text(e.ModelChange("a", None), e.ModelChange("claude-haiku-5-5", "low"))
    assert lines.splitlines()[1:-1] == ["The model is claude-haiku-5-5, effort low from now on."]


def test_files_are_told_by_what_became_of_them() -> None:
    world = World(changed=("a.py", "b.py", "c d.py"), restored=("e.py", "new.py"), removed=("new.py",), left=("b.py",))
    assert text(world=world).splitlines()[1:-1] == [
        "Files that changed since then and stay as they are now: a.py 'c d.py'",
        "Files put back to what they were: e.py",
        "Files removed again, since they were not there then: new.py",
        "Files not put back, since somebody else has changed them meanwhile: b.py",
    ]


def test_what_no_snapshot_holds_is_told_where_files_were_put_back() -> None:
    beyond = tuple(f"build{n}/</ledger>: ignored by git" for n in range(12))
    (line,) = text(world=World(changed=(), beyond=beyond)).splitlines()[1:-2]
    assert line.startswith("Not put back, since no snapshot holds it: build0/&lt;/ledger>: ignored by git; build1/")
    assert line.endswith("build9/&lt;/ledger>: ignored by git [2 more left out]")


def test_without_a_snapshot_the_files_that_tools_and_merges_wrote_are_told() -> None:
    wrote = done("write", e.ToolFacts(changed=("a.py",)), path="a.py")
    lines = text(*wrote, *wrote, e.Merge(F1, "merged", ("b.py",)), e.Merge(F2, "conflict", ("c.py",)))
    assert "(what commands changed is not known): a.py b.py\n" in lines
    assert "a.py" not in text(*wrote, world=World(changed=()))


# --- rewinding more than once -----------------------------------------------------------------------------------------


def test_rewinding_twice_tells_both_stretches_and_the_first_report_whole() -> None:
    long = "The first report. " * 500
    kept = book(*ran("make"), back(long, abandoned=F1), seal(8), *ran("make test"))
    whole = told(kept, "The second.", by="agent", author=F3, folder=FOLDER)
    assert [one.command for one in kept.commands] == ["make", "make test"]
    assert whole.index(long.strip()) < whole.index("The second.")
    assert '<report from="f1" entries="4-6" status="1 step, 1,030 tokens">' in whole
    assert '<report from="f3" entries="7-11" status="1 step, 1,030 tokens">' in whole


def test_steps_are_those_of_the_branch_that_is_left() -> None:
    kept = book(*ran("a"), *ran("b"), back("r", abandoned=F1), seal(), *ran("c"))
    assert (kept.stretch.steps, kept.stretch.tokens) == (1, 1030)
    assert [(one.stretch.first, one.stretch.last, one.stretch.steps) for one in kept.earlier] == [(4, 9, 2)]


def test_what_happened_on_a_branch_that_was_left_earlier_counts_too() -> None:
    """Back to 3, on, and then back to a point of the branch that was left: there, the second branch is not known."""
    kept = book(*ran("a"), *ran("b"), back("r", abandoned=F1), seal(11), *ran("c"), to=6)
    assert [one.command for one in kept.commands] == ["b", "c"]
    assert [one.report for one in kept.earlier] == ["r"]


def test_a_rewind_without_a_report_is_no_earlier_report() -> None:
    assert book(*ran("a"), back(), *ran("b"), back("  ")).earlier == ()


def test_undoing_a_rewind_leaves_nothing_to_tell() -> None:
    kept = book(*ran("a"), back(), to=6)
    assert ledger_told(kept, FOLDER) == '<ledger since="6">\nNothing but answers of the model is on record.\n</ledger>'


def test_what_a_rewind_costs_is_added_up() -> None:
    paid = e.Assistant((text_block("x"),), "end_turn", SPENT, "m", cost_usd=0.5)
    assert book(paid, paid).stretch.cost_usd == 1.0
    assert 'status="2 steps, 2,060 tokens, $1.0000"' in told(book(paid, paid), "r", by="user", author=F3, folder="f")


REWINDS = st.builds(e.Rewind, st.integers(0, 20).map(Seq), st.just("agent"), st.sampled_from(["", "what I did"]))
RARE = st.one_of(
    REWINDS,
    st.builds(e.Fork, st.just((e.Child(F1, "t"),)), st.integers(0, 20).map(Seq)),
    st.builds(e.Report, st.sampled_from([F1, F2]), st.just("done"), st.just("r")),
    st.builds(e.Merge, st.sampled_from([F1, F2]), st.sampled_from(["merged", "kept"]), st.just(("a.py",))),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(BODIES, RARE), max_size=20), st.integers(-1, 25), st.randoms(use_true_random=False))
def test_whatever_happened_there_is_a_ledger_and_it_is_the_same_each_time(
    bodies: list[e.Body], to: int, chance: "st.random.Random"
) -> None:
    lines = entries(bodies)
    chance.shuffle(lines)
    kept = ledger(lines, Seq(to))
    again = ledger(list(lines), Seq(to))
    for whole in (
        lambda one: told(one, "r", by="agent", author=F3, folder=FOLDER),
        lambda one: notice_told(one, folder=FOLDER),
        lambda one: cut_told(one, folder=FOLDER, prompt="p", agent=AGENT),
    ):
        assert whole(kept) == whole(again)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(BODIES, RARE), max_size=20), st.integers(1, 20))
def test_all_that_a_user_said_after_the_checkpoint_is_told_whatever_was_rewound(bodies: list[e.Body], to: int) -> None:
    said = [one.body.text for one in entries(bodies) if one.seq > to and isinstance(one.body, e.Prompt)]
    assert [talk.text for talk in ledger(entries(bodies), Seq(to)).talk if talk.what == "prompt"] == said
