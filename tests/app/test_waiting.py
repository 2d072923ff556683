"""Every pattern in which agents can wait for each other and for the person: all of them come to an end."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations, product
from pathlib import Path

from fork_kit import Den, answers, den, forks, newest, past, until, whose
from question_kit import ask, is_answering

from forkcli.app.checking import demand
from forkcli.app.driver import ReplDriver
from forkcli.app.nursery import ForkNursery
from forkcli.app.spawning import spawn
from forkcli.core.check_entries import Checked, Checks
from forkcli.core.entries import ToolResult
from forkcli.core.messages import Json, text_of
from forkcli.engine.agent import Approvals
from forkcli.engine.ports import Answer, Question
from forkcli.models.scripted import Reply, reply

Graph = tuple[int, ...]  # whom each asks: the number of an agent; itself: it is refused, and so waits for nobody
NODES = 3
RINGS: tuple[Graph, ...] = ((1, 2, 0), (0, 2, 1), (1, 0, 0))  # of three; of one, and of two; one asks into a ring


def graphs() -> Iterator[Graph]:
    """All ways in which each of three agents asks one of the three, itself included, but for their names.

    These hold every ring (of one, two and three), every chain, and every chain that leads into a ring.
    """
    seen: set[Graph] = set()
    for graph in product(range(NODES), repeat=NODES):
        form = min(tuple(order.index(graph[old]) for old in order) for order in permutations(range(NODES)))
        if form not in seen:
            seen.add(form)
            yield form


def asking(patterns: Sequence[Graph], first: int) -> dict[str, list[Json]]:
    """What each agent of all patterns asks, their ids from `first` on; those of the first ask everybody else too."""
    asked: dict[str, list[Json]] = {}
    for number, graph in enumerate(patterns):
        base = first + NODES * number
        for node, target in enumerate(graph):
            more = [ask("parent"), ask("f1"), ask("user")] if not number else []
            asked[f"f{base + node}"] = [ask(f"f{base + target}"), *more]
    return asked


@dataclass
class Crowd:
    """Main has a fork that ends, f1, then waits for all the others; these ask, with `at_once` when all have begun."""

    asked: dict[str, list[Json]]
    at_once: bool
    begun: set[str] = field(default_factory=set)

    async def plan(self, request: Json) -> Reply:
        name = whose(request)
        if is_answering(request):
            return reply(f"{name} knows")
        step = answers(request) - past(request, name)
        if name in self.asked and not step:
            self.begun.add(name)
            while self.at_once and len(self.begun) < len(self.asked):
                await asyncio.sleep(0.005)
            return reply(*self.asked[name])
        if name == "main" and step < 2:
            return reply(forks(*([{"task": "ask", "access": "read"}] * (len(self.asked) if step else 1))))
        return reply(f"{name} is done.")


class Person:
    """A person who answers only when `settled` says that nobody waits for anything else any more."""

    interactive = True

    def __init__(self, settled: Callable[[], bool]) -> None:
        self.settled = settled

    async def ask(self, _question: Question) -> Answer:
        return "no"

    async def inquire(self, _agent: str, _text: str) -> str | None:
        await until(self.settled)
        return "as you like"


def attended(home: Den, settled: Callable[[], bool]) -> None:
    """Open a session with a person at the terminal."""
    session = home.open()
    session.around = replace(session.around, approvals=Approvals(Person(settled)))
    session.rig.approvals = session.around.approvals
    assert isinstance(session.fleet.nursery, ForkNursery)
    session.fleet.nursery = replace(session.fleet.nursery, around=session.around)


def outcome(asked: Json, name: str) -> str:
    """How a question ends that is put while all agents work."""
    to = asked["input"]["to"]
    return "yourself" if to == name else "as you like" if to == "user" else "knows"


async def crowd(project: Path, patterns: Sequence[Graph], *, parallel: int, at_once: bool) -> None:
    asked = asking(patterns, first=2)
    answerable = sum(outcome(one, name) == "knows" for name, asks in asked.items() for one in asks)
    with den(project, Crowd(asked, at_once).plan, parallel=parallel) as home:

        def settled() -> bool:
            return not at_once or sum(is_answering(one.body) for one in list(home.server.requests)) == answerable

        attended(home, settled)
        assert (await home.turn()).status == "done"
        await home.close()
        for name, asks in asked.items():
            told = {body.call: text_of(body.content) for body in home.bodies(name, ToolResult)}
            for one in asks:
                text = told[one["id"]]
                assert outcome(one, name) in text or (not at_once and "has not begun yet" in text)
        home.sound()


def test_there_are_seven_ways_in_which_three_can_each_ask_one_of_them() -> None:
    assert sorted(graphs()) == [(0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 1, 2), (0, 2, 1), (1, 0, 0), (1, 2, 0)]


async def test_whoever_asks_whom_at_once_all_are_answered_and_who_waits_for_all_of_them_goes_on(project: Path) -> None:
    several = [graph for graph in graphs() if sum(node != target for node, target in enumerate(graph)) > 1]
    await crowd(project, several[::-1], parallel=64, at_once=True)


async def test_rings_of_askers_come_to_an_end_where_one_alone_may_work_at_a_time(project: Path) -> None:
    await crowd(project, RINGS, parallel=1, at_once=False)


async def test_a_review_comes_to_its_end_where_an_agent_in_the_background_asks_the_author_and_the_person(
    project: Path,
) -> None:
    ordered = asyncio.Event()

    def plan(request: Json) -> Reply:
        name = whose(request)
        if is_answering(request):
            return reply(f"{name} knows")
        if name == "s1" and answers(request) == 0:
            return reply(ask("parent"), ask("user"))
        return reply("approve" if "find what is wrong" in newest(request) else f"{name} is done.")

    with den(project, plan, parallel=1) as home:
        attended(home, ordered.is_set)
        session = home.session
        assert session is not None
        await home.turn()
        await spawn(ReplDriver(session.around, session), "look around")
        await until(lambda: home.requests("s1"))
        demand(session, Checks(review=1), anew=True)
        turn = asyncio.create_task(home.again())
        await until(lambda: session.agent.task is not None)
        ordered.set()
        assert (await turn).status == "done"
        await home.close()
        assert [check.passed for check in home.bodies("main", Checked)] == [True]
        assert sorted(home.results("s1")) == ["as you like", "f2 knows"]
        home.sound()
