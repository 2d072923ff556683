"""A context that does not fit, however it came about: room is made, it is said, and the session goes on."""

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from fork_kit import Den, answers, den, forks, newest, whose

from forkcli.core.decide import FULL, FULL_AGAIN, TOO_LARGE
from forkcli.core.entries import Assistant, Rewind
from forkcli.core.messages import Json
from forkcli.core.rewinding import NOT_HERE
from forkcli.models.scripted import Fault, Reply, call, fail, reply, say
from forkcli.models.scripted.catalog import CATALOG
from forkcli.store.check import check_session

MODEL = "claude-haiku-4-5"
REPORT = "What I know: it is the tests."
BIG = call("read", path="big.txt")  # about 17,000 tokens
Script = Callable[[Json], Reply]


@pytest.fixture
def place(project: Path) -> Path:
    (project / "big.txt").write_text(("word " * 15 + "\n") * 1700)
    return project


def small(project: Path, script: Script, window: int = 14_000) -> AbstractContextManager[Den]:
    """A model with a window of so many tokens, of which about 2,700 are fork's own words."""
    model = replace(CATALOG[MODEL], window=window, min_cached=512)
    return den(project, script, models=[model], model=MODEL, given=frozenset({"model"}))


def asked_for_a_report(request: Json) -> bool:
    return "Write this report now" in newest(request)


def reporting(script: Script, *reports: Reply) -> Script:
    """Reports are written as given, in the end always; the rest as `script` says."""
    left = list(reports)

    def answer(request: Json) -> Reply:
        if not asked_for_a_report(request):
            return script(request)
        return left.pop(0) if left else reply(REPORT)

    return answer


def once(request: Json) -> Reply:
    """Read too much, unless one has been told what it came to."""
    told = "<report" in newest(request) or "<ledger" in newest(request)
    return reply(BIG) if answers(request) == 0 and not told else reply("Fine.")


def too_long() -> Reply:
    return Reply(fault=Fault("status", status=400, message="prompt is too long: 9 tokens > 8 maximum"))


def turns(home: Den, *prompts: str) -> list[str]:
    """How each turn ended."""

    async def run() -> list[str]:
        home.open()
        try:
            return [(await home.turn(prompt)).status for prompt in prompts]
        finally:
            await home.close()

    return asyncio.run(run())


def by_fork(home: Den, agent: str = "main") -> list[Rewind]:
    return [body for body in home.bodies(agent, Rewind) if body.by == "fork"]


def whole(home: Den) -> None:
    """The files are in order, and the API refused nothing but what was too long."""
    assert check_session(home.folder) == []
    wrong = [one for one in home.server.requests if one.status == 400 and "too long" not in str(one.error)]
    assert wrong == []


def test_a_context_that_fills_step_by_step_is_reported_on_from_the_cache_as_often_as_need_be(place: Path) -> None:
    made = iter(range(1, 99))

    def work(_: Json) -> Reply:
        n = next(made)
        return (
            reply(call("bash", command=f"echo {n}; head -c 9000 /dev/zero | tr '\\0' x")) if n < 14 else reply("Done.")
        )

    with small(place, reporting(work)) as home:
        assert home.ask("do it all").status == "done"
        assert len(by_fork(home)) >= 2
        assert [one.report for one in by_fork(home)] == [REPORT] * len(by_fork(home))
        for place_of, request in enumerate(home.server.requests):
            if asked_for_a_report(request.body):
                assert "% full" not in newest(request.body)  # who writes a report makes room by that alone
                before, after = home.server.requests[place_of - 2], home.server.requests[place_of + 1]
                assert (request.usage or {})["cache_read_input_tokens"] >= _size(before.usage) - 1
                first = home.server.requests[0].usage
                assert (after.usage or {})["cache_read_input_tokens"] >= _size(first) - 1
        assert any("the context is full" in warning for warning in home.warnings)
        assert not any("were read from the cache" in warning for warning in home.warnings)
        whole(home)


def _size(usage: Json | None) -> int:
    parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum((usage or {})[part] for part in parts)


def test_one_result_that_does_not_fit_is_told_of_and_its_call_stays_answered(place: Path) -> None:
    with small(place, reporting(once)) as home:
        assert home.ask("read it").status == "done"
        asked, last = home.server.requests[-2:]
        assert NOT_HERE.format(parent="main") in newest(asked.body)
        assert "what a call returned (read: " in newest(last.body)
        assert "big.txt, lines 1-" in newest(last.body)
        whole(home)


def test_a_model_that_fills_its_context_again_at_once_is_stopped_and_can_be_told_otherwise(place: Path) -> None:
    def script(request: Json) -> Reply:
        return reply("Well.") if "stop that" in newest(request) else reply(BIG)

    with small(place, reporting(script)) as home:

        async def run() -> None:
            home.open()
            end = await home.turn("read it")
            assert (end.status, end.sentence) == ("failed", FULL_AGAIN.format(5))
            assert (await home.turn("stop that")).status == "done"
            await home.close()

        asyncio.run(run())
        assert len(by_fork(home)) == 6
        whole(home)


@pytest.mark.parametrize("first", [True, False])
def test_a_prompt_that_does_not_fit_is_told_as_far_as_it_fits(place: Path, first: bool) -> None:
    with small(place, reporting(lambda _: reply("Fine."))) as home:
        giant = "BEGIN " + "word " * 30_000
        assert turns(home, *([] if first else ["hello"]), giant, "and now?") == ["done"] * (2 if first else 3)
        told = newest([one.body for one in home.server.requests if one.status == 200][-2])
        assert "BEGIN word" in told
        assert ("prompt.md" in told) == first
        assert ("not answered yet" in told) != first
        whole(home)


def test_a_prompt_never_fits_where_the_words_of_fork_alone_fill_the_window(place: Path) -> None:
    with small(place, lambda _: reply("Fine."), window=2000) as home:
        assert turns(home, "hello", "hello?") == ["failed", "failed"]
        assert len(by_fork(home)) == 4
        halt = home.history("main").halt
        assert halt is not None
        assert halt.full
        whole(home)


@pytest.mark.parametrize("bad", ["refusal", "silence", "too long"])
def test_without_a_report_the_context_is_cut_and_says_where_all_of_it_is(place: Path, bad: str) -> None:
    reports = {
        "refusal": [Reply([say("No.")], stop_reason="refusal")],
        "silence": [Reply([])],
        "too long": [too_long()] * 2,
    }[bad]
    with small(place, reporting(once, *reports)) as home:
        assert home.ask("read it").status == "done"
        told = newest(home.server.requests[-1].body)
        assert "no report of yours could be had" in told
        assert "agents/main/transcript.md" in told
        assert "the user: read it" in told
        assert any("was cut" in warning for warning in home.warnings)
        assert check_session(home.folder) == []


def test_nothing_is_cut_because_the_endpoint_takes_no_request_now(place: Path) -> None:
    with small(place, reporting(once, fail(status=401))) as home:
        assert home.ask("read it").status == "failed"
        assert home.bodies("main", Rewind) == []
        assert home.resume().status == "done"
        assert [one.report for one in by_fork(home)] == [REPORT]
        assert home.agents == ["f1", "main"]
        whole(home)


def test_a_session_that_can_have_no_more_agents_still_gets_its_own_report(place: Path) -> None:
    with small(place, reporting(once)) as home:
        home.settings["max_agents"] = 1
        assert home.ask("read it").status == "done"
        assert [(one.report, one.abandoned) for one in by_fork(home)] == [(REPORT, "f1")]
        whole(home)


def test_nothing_is_cut_because_a_limit_was_reached(place: Path) -> None:
    with small(place, reporting(once)) as home:
        home.settings["max_steps"] = 2
        assert home.ask("read it").status == "limit"
        assert home.bodies("main", Rewind) == []
        home.settings["max_steps"] = None
        assert home.resume().status == "done"
        assert [one.report for one in by_fork(home)] == [REPORT]
        assert home.agents == ["f1", "main"]
        whole(home)


def test_an_answer_that_fills_the_window_is_reported_on_from_before_it(place: Path) -> None:
    steps = iter(
        [
            reply(call("bash", command="head -c 20000 /dev/zero | tr '\\0' x")),
            reply(call("bash", command="head -c 20000 /dev/zero | tr '\\0' y")),
            Reply([say("w" * 4000)], stop_reason=FULL),
            reply("Shorter now."),
        ]
    )
    with small(place, reporting(lambda _: next(steps))) as home:
        assert home.ask("write").status == "done"
        assert [one.report for one in by_fork(home)] == [REPORT]
        assert "the last 2 steps" in newest(home.server.requests[-1].body)
        assert home.bodies("main", Assistant)[-1].stop_reason == "end_turn"
        whole(home)


def test_a_fork_whose_past_does_not_fit_is_told_again_who_it_is_and_what_for(place: Path) -> None:
    def script(request: Json) -> Reply:
        if "You are f1, a fork of main" in newest(request):
            return reply("As f1, on a cut context.")
        if whose(request) == "f1":
            return too_long()
        return reply(forks("find the needle")) if answers(request) == 0 else reply("Fine.")

    with small(place, script) as home:
        assert home.ask("go").status == "done"
        (cut,) = by_fork(home, "f1")
        assert "find the needle" in cut.told
        assert "As f1, on a cut context." in home.results()[-1]
        assert check_session(home.folder) == []


def test_the_reports_of_many_forks_that_do_not_fit_together_are_on_record(place: Path) -> None:
    def script(request: Json) -> Reply:
        name = whose(request)
        if "<report" in newest(request) and name == "main":
            return reply("Fine.")
        if name != "main" and "<report" not in newest(request):
            return reply(f"{name} found: " + "much " * 3000)
        return reply(forks("a", "b", "c", "d"))

    with small(place, reporting(script)) as home:
        assert home.ask("go").status == "done"
        last = newest(home.server.requests[-1].body)
        assert re.search(r"fork: [\d,]+ bytes", last)
        assert all(f"- f{n}: " in last for n in range(1, 5))
        whole(home)


def test_what_is_too_large_after_all_ends_the_turn_with_a_sentence(place: Path) -> None:
    with small(place, lambda _: too_long()) as home:

        async def run() -> None:
            home.open()
            end = await home.turn("hello")
            assert (end.status, end.sentence) == ("failed", TOO_LARGE)
            await home.close()

        asyncio.run(run())
