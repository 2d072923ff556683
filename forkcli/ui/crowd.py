"""The agents that the screen is not on: one line each while they work, and nothing in the scrollback.

What they hand over reaches the scrollback as entries of their parent's. Invariant: an agent is on the board from its
first step, or its birth, until its turn ends.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.messages import Block
from forkcli.ui.calls import title
from forkcli.ui.entries import item_of, warned
from forkcli.ui.family import awaited
from forkcli.ui.figures import count, dollars, seconds, share
from forkcli.ui.inquiry import told_item
from forkcli.ui.item import Item
from forkcli.ui.look import FAINT, STRONG, WARN, Look
from forkcli.ui.sanitize import first_line, one_line

MOST = 12  # lines of the board


@dataclass(slots=True)
class Member:
    """One agent at work."""

    since: float
    doing: str = "starting"
    steps: int = 0
    cached: float | None = None  # share of its first request that came from the cache
    cost: float | None = None
    task: str = ""
    awaited: tuple[str, ...] = ()  # children that it waits for


class Crowd:
    """The board of those at work."""

    def __init__(self, look: Look, clock: Callable[[], float]) -> None:
        self._look = look
        self._clock = clock
        self._members: dict[str, Member] = {}
        self._left: set[str] = set()  # agents that are stretches which a rewind left behind

    @property
    def busy(self) -> bool:
        """Whether anybody works."""
        return bool(self._members)

    def on(self, event: ev.Event) -> list[Item]:
        """Take an event of one of them; what has to be said about it at once."""
        if isinstance(event, ev.Warned):
            return [warned(f"{event.agent}: {event.text}", self._look)]
        if isinstance(event, ev.Told):
            return [told_item(event.agent, event.text, self._look)]
        if isinstance(event, ev.TurnEnded):
            self._members.pop(event.agent, None)
            return []
        if isinstance(event, ev.Appended) and isinstance(event.entry.body, e.Approval):
            answer = item_of(event.entry.body, self._look)  # stands below the question, which had the agent's name
            return [answer] if answer else []
        if isinstance(event, ev.Appended) and not self._begins(event):
            return []
        member = self._members.setdefault(event.agent, Member(self._clock()))
        match event:
            case ev.Appended(entry=entry):
                _count(member, entry.body)
            case ev.StepStarted():
                member.doing = "waiting for the model"
            case ev.TextDelta(thinking=thinking):
                member.doing = "thinking" if thinking else self._saying(event.agent)
            case ev.CallStarted(call=call):
                member.doing = _words(call, self._look)
            case ev.Waiting(children=children):
                member.awaited, member.doing = children, awaited(children)
            case ev.RetryWait(seconds=wait):
                member.doing = f"sending again in {round(wait)} s"
        return []

    def _begins(self, event: ev.Appended) -> bool:
        """Whether an entry is of one at work, or begins its work. A stretch left behind works only if it reports."""
        if isinstance(event.entry.body, e.Agent):
            if event.entry.body.kind == "abandoned":
                self._left.add(event.agent)
                return False
            return bool(event.entry.body.task)  # without one it is a conversation, which waits for the person
        return event.agent in self._members

    def _saying(self, agent: str) -> str:
        return "writing its report" if agent in self._left else "answering"

    def join(self, agent: str, since: float, doing: str, steps: int) -> None:
        """The screen has left this agent while it works."""
        self._members[agent] = Member(since, doing, steps)

    def leave(self, agent: str) -> float | None:
        """The screen is on this agent now; since when it works, None if it does not."""
        member = self._members.pop(agent, None)
        return member.since if member else None

    def doing(self, agent: str) -> str:
        """What one of them does right now, and since when it works; empty for one that does not."""
        member = self._members.get(agent)
        return f"{member.doing}{self._look.sep}{seconds(self._clock() - member.since)}" if member else ""

    def lines(self, spin: str, room: int) -> list[Text]:
        """A line for each at work, the oldest first, in at most `room` lines, or two; of the rest only the number."""
        members = list(self._members.items())
        most = min(MOST, max(1, room if len(members) <= room else room - 1))
        lines = [self._line(agent, member, spin) for agent, member in members[:most]]
        if len(members) > most:
            lines.append(Text(f"  {self._look.more} {count(len(members) - most, 'more agent')} at work", FAINT))
        return lines

    def _line(self, agent: str, member: Member, spin: str) -> Text:
        facts = [count(member.steps, "step"), seconds(self._clock() - member.since)]
        if member.cached is not None:
            facts.append(f"{share(member.cached)} cached")
        if member.cost is not None:
            facts.append(dollars(member.cost))
        low = member.cached is not None and member.cached < 0.5
        return Text.assemble(
            (f"{spin} ", "cyan"),
            (f"{one_line(agent, 12):4} ", STRONG),
            (self._look.sep.join(facts), WARN if low else FAINT),
            f"{self._look.sep}{member.doing}",
            (f"{self._look.sep}{member.task}" if member.task and member.doing == "starting" else "", FAINT),
        )


def _count(member: Member, body: e.Body) -> None:
    match body:
        case e.Agent(task=task):
            member.task = first_line(task, 60)
        case e.Assistant(usage=usage, cost_usd=cost):
            member.steps += 1
            if member.cached is None and usage.prompt_tokens:
                member.cached = usage.cache_share
            member.cost = _plus(member.cost, cost)
        case e.Report(agent=agent) if agent in member.awaited:
            member.awaited = tuple(name for name in member.awaited if name != agent)
            member.doing = awaited(member.awaited) if member.awaited else "working"
        case e.Warmed(cost_usd=cost):
            member.cost = _plus(member.cost, cost)


def _plus(sum_: float | None, cost: float | None) -> float | None:
    return sum_ if cost is None else (sum_ or 0.0) + cost


def _words(call: Block, look: Look) -> str:
    return one_line(title(call, look)[0].plain, 60)
