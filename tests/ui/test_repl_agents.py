"""Moving between agents in the REPL: each has a turn of its own, and what is typed is for the one on screen."""

import asyncio
from dataclasses import dataclass, field, replace

from test_feed import Watched
from ui_fakes import MAIN, STATUS, FakeDriver, answer, call, delta, prompt, replies, result
from ui_terminal import session

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.ids import AgentId, Seq
from forkcli.ui.ports import Lines, Shown, Slash, Status


def entry(agent: str, seq: int, body: e.Body) -> ev.Appended:
    return ev.Appended(AgentId(agent), e.Entry(Seq(seq), "2026-11-22T09:25:00Z", body))


@dataclass
class Family(FakeDriver):
    """A driver with `/go`; the turn of an agent lasts until `over` holds its name."""

    here: str = "main"
    working: set[str] = field(default_factory=set)
    over: dict[str, asyncio.Event] = field(default_factory=dict)
    slow: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.commands = [Slash("go", "AGENT", "", self._go), Slash("slow", "AGENT", "", self._slow)]

    def status(self) -> Status:
        return replace(STATUS, agent=self.here, running=self.here in self.working)

    async def _go(self, rest: str) -> Shown:
        self.here = rest
        return Lines(f"you are in {rest}")

    async def _slow(self, rest: str) -> Shown:
        await self.slow.wait()
        return await self._go(rest)

    async def turn(self, text: str) -> None:
        agent = AgentId(self.here)
        self.did.append((f"turn of {agent}", text))
        self.working.add(agent)
        self.emit(entry(agent, 1, e.Prompt(text, ())))
        self.emit(ev.StepStarted(agent, 1))
        await self.over.setdefault(agent, asyncio.Event()).wait()
        self.emit(ev.TextDelta(agent, f"{agent} answers {text}", thinking=False))
        content = ({"type": "text", "text": f"{agent} answers {text}"},)
        self.emit(entry(agent, 2, e.Assistant(content, "end_turn", e.Usage(1, 1), "m")))
        self.working.discard(agent)
        self.emit(ev.TurnEnded(agent, "done"))

    def end(self, agent: str) -> None:
        self.over.setdefault(agent, asyncio.Event()).set()


async def test_who_moved_to_another_agent_sees_what_is_said_there() -> None:
    driver = Family(replies)
    driver.end("f1")
    async with session(driver) as here:
        here.type("/go f1\r")
        await here.see("you are in f1")
        here.type("hello\r")
        await here.see("› hello", "f1 answers hello", "1 step")


async def test_a_prompt_to_another_agent_begins_its_turn_while_the_first_one_works() -> None:
    driver = Family(replies)
    async with session(driver) as here:
        here.type("long work\r")
        await driver_did(driver, ("turn of main", "long work"))
        here.type("/go f1\r")
        await here.see("you are in f1")
        here.type("hello\r")
        await driver_did(driver, ("turn of f1", "hello"))
        driver.end("main")
        await here.see("main has ended its turn · /go main shows it")
        driver.end("f1")
        await here.see("f1 answers hello")
        assert "main answers" not in here.text


async def test_what_is_queued_with_one_agent_is_not_sent_to_another() -> None:
    driver = Family(replies)
    async with session(driver) as here:
        here.type("long work\r")
        await driver_did(driver, ("turn of main", "long work"))
        here.type("afterwards\x1b\r")
        await here.see("afterwards · queued")
        here.type("/go f1\r")
        await here.see("you are in f1")
        await here.unsee("afterwards · queued")
        driver.end("main")
        await here.see("main has ended")
        here.type("/go main\r")
        await driver_did(driver, ("turn of main", "afterwards"))
        assert [name for name, _ in driver.did] == ["turn of main", "turn of main"]


async def test_what_is_typed_while_a_command_moves_is_for_the_agent_it_moved_to() -> None:
    driver = Family(replies)
    async with session(driver) as here:
        here.type("/slow f1\r")
        await here.see("› /slow f1")
        here.type("hello\r")
        await here.see("hello · queued")
        driver.slow.set()
        await driver_did(driver, ("turn of f1", "hello"))


def test_who_leaves_an_agent_at_work_sees_it_among_the_others_with_what_it_does() -> None:
    watched = Watched()
    watched.on(prompt("count them"), ev.StepStarted(MAIN, 1), answer("", call("bash", command="wc -l *")))
    watched.on(ev.CallStarted(MAIN, call("bash", command="wc -l *")))
    watched.stage.show("f1")
    (line,) = [line for line in watched.live() if "main" in line]
    assert "1 step" in line
    assert "bash wc -l *" in line
    watched.on(ev.TurnEnded(MAIN, "done"))
    assert not watched.stage.busy


def test_who_comes_back_to_an_agent_at_work_sees_what_it_does_and_what_its_whole_turn_came_to() -> None:
    watched = Watched()
    begun = [prompt("count them"), answer("First.", call("bash", command="wc -l *"))]
    watched.on(begun[0], ev.StepStarted(MAIN, 1), begun[1], ev.CallStarted(MAIN, call("bash", command="wc -l *")))
    watched.stage.show("f1")
    watched.stage.show("main")
    watched.stage.past([event.entry for event in begun], "main")
    live = "\n".join(watched.live())
    assert "bash wc -l *" in live
    assert "esc stops" in live
    said = watched.on(result("bash", "12"), ev.StepStarted(MAIN, 2), answer("Twelve."), ev.TurnEnded(MAIN, "done"))
    assert "Twelve." in said
    assert "2 steps" in said


def test_who_comes_in_the_middle_of_an_answer_reads_it_whole_when_it_is_there() -> None:
    watched = Watched()
    watched.stage.show("f1")
    watched.on(ev.StepStarted(MAIN, 1), delta("Every word "))
    watched.stage.show("main")
    watched.stage.past([], "main")
    assert watched.on(delta("counts.\n\nAll of them.\n\n")) == ""
    assert "counts" not in "\n".join(watched.live())
    assert "Every word counts." in watched.on(answer("Every word counts.\n\nAll of them."))
    watched.on(ev.StepStarted(MAIN, 2), delta("Next."))
    assert "Next." in "\n".join(watched.live())


async def driver_did(driver: FakeDriver, deed: tuple[str, str]) -> None:
    async with asyncio.timeout(20):
        while deed not in driver.did:
            await asyncio.sleep(0.01)
