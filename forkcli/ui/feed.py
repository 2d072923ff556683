"""Events of one agent in, items for the scrollback and lines for the live area out.

It holds only what is unfinished: the block of text that streams, the calls that run, the retry that waits. Everything
finished leaves it as an item exactly once. It knows no terminal; the clock is given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.text import Text

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.check_entries import CHECK, Checked
from forkcli.core.messages import Block, calls_of, text_of
from forkcli.ui.blocks import BlockSplitter, MarkdownBlock
from forkcli.ui.calls import finished, running, title
from forkcli.ui.entries import failure_text, item_of, warned
from forkcli.ui.family import awaited
from forkcli.ui.figures import count, dollars, seconds, traffic
from forkcli.ui.item import Item
from forkcli.ui.look import FAINT, WARN, Look
from forkcli.ui.sanitize import command_lines, one_line, sanitize

TAIL_LINES = 5  # of a running command's output in the live area
TAIL_CHARS = 8000
HEARD_LINES = 200  # of a command's output that are remembered until it ends
THOUGHT_CHARS = 2000


@dataclass(slots=True)
class _Call:
    block: Block
    since: float
    heard: str = ""
    dropped: int = 0  # lines that are no longer in `heard`


@dataclass(slots=True)
class _Sum:
    steps: int = 0
    usage: e.Usage = field(default_factory=e.Usage)
    cost: float | None = None

    def add(self, usage: e.Usage, cost: float | None, steps: int = 0) -> None:
        self.steps += steps
        self.usage = self.usage.plus(usage)
        if cost is not None:
            self.cost = (self.cost or 0.0) + cost


@dataclass(slots=True)
class _Turn:
    since: float
    own: _Sum = field(default_factory=_Sum)
    reports: list[str] = field(default_factory=list)  # the children that ended in it
    theirs: _Sum = field(default_factory=_Sum)
    told: bool = False  # how it ended has been said by an entry


class Feed:
    """One agent's events, as they come."""

    def __init__(self, look: Look, clock: Callable[[], float], markdown: Callable[[str], RenderableType]) -> None:
        self._look = look
        self._clock = clock
        self._markdown = markdown
        self._splitter = BlockSplitter()
        self._streamed = False  # text of this step has reached the screen
        self._missed = False  # text of this step may have gone elsewhere: it is shown when it is whole
        self._thought = ""
        self._blocks: dict[str, Block] = {}  # calls asked for and not yet answered, by id
        self._calls: dict[str, _Call] = {}  # calls that run
        self._ordered: set[str] = set()  # calls of which the order and the reports are shown instead of their results
        self._retry: tuple[float, ev.RetryWait] | None = None
        self._turn: _Turn | None = None
        self._phase = ""
        self._awaited: list[str] = []  # children without whose reports the turn does not go on

    @property
    def busy(self) -> bool:
        """Whether a turn is on its way."""
        return self._turn is not None

    @property
    def since(self) -> float | None:
        """Since when a turn is on its way; None where none is."""
        return self._turn.since if self._turn is not None else None

    @property
    def steps(self) -> int:
        """Steps of the turn that is on its way."""
        return self._turn.own.steps if self._turn is not None else 0

    def goes_on(self, since: float, bodies: Sequence[e.Body]) -> None:
        """A turn is on its way, of which these entries, replayed already, have been."""
        self._turn, self._missed = _Turn(since), True
        begun = [at for at, body in enumerate(bodies) if isinstance(body, e.Prompt)]
        for body in bodies[begun[-1] if begun else 0 :]:
            if isinstance(body, e.Assistant):
                self._turn.own.add(body.usage, body.cost_usd, 1)
            elif isinstance(body, e.Report | e.Warmed):
                self._note(body)
        self._calls.update((key, _Call(block, self._clock())) for key, block in self._blocks.items())

    def on(self, event: ev.Event) -> list[Item]:
        """Take an event in; the items that it finished."""
        match event:
            case ev.Appended(entry=entry):
                return self._entry(entry.body)
            case ev.StepStarted():
                self._step()
            case ev.TextDelta():
                return self._text(event)
            case ev.StepDropped():
                return self._dropped()
            case ev.CallStarted(call=call):
                self._calls[str(call.get("id"))] = _Call(call, self._clock())
                self._phase = ""
            case ev.CallOutput(call=key, text=text):
                self._output(key, text)
            case ev.Waiting(children=children):
                self._awaited = [*children]
            case ev.RetryWait():
                self._retry = (self._clock() + event.seconds, event)
            case ev.Warned(text=text):
                return [warned(text, self._look)]
            case ev.TurnEnded():
                return self._ended(event)
        return []

    def replay(self, body: e.Body) -> list[Item]:
        """An entry that happened before this screen was there."""
        items = self._entry(body)
        self._turn = None
        return items

    # --- what comes in ---

    def _begin(self) -> _Turn:
        if self._turn is None:
            self._turn = _Turn(self._clock())
        return self._turn

    def _step(self) -> None:
        self._begin().own.steps += 1
        self._streamed, self._missed, self._thought = False, False, ""
        self._retry, self._awaited = None, []
        self._phase = "waiting for the model"

    def _text(self, event: ev.TextDelta) -> list[Item]:
        self._retry = None
        if event.thinking:
            self._phase = "thinking"
            self._thought += event.text
            if len(self._thought) > 2 * THOUGHT_CHARS:  # seldom, since the rows on screen are folded anew by it
                self._thought = self._thought[-THOUGHT_CHARS:]
            return []
        self._phase, self._thought = "answering", ""
        if self._missed:
            return []
        items = self._prose(self._splitter.feed(event.text))
        self._streamed = self._streamed or bool(event.text)
        return items

    def _prose(self, blocks: list[MarkdownBlock]) -> list[Item]:
        return [Item(self._markdown(block.text), joins=block.joins) for block in blocks]

    def _dropped(self) -> list[Item]:
        seen = self._streamed
        self._splitter.drop()
        self._streamed, self._thought = False, ""
        if not seen:
            return []
        return [warned("the stream broke: the answer above does not count, it is asked for again", self._look)]

    def _output(self, key: str, text: str) -> None:
        call = self._calls.get(key)
        if call is None:
            return
        call.heard += text
        if len(call.heard) > 2 * TAIL_CHARS:
            cut = call.heard[:-TAIL_CHARS]
            call.dropped += cut.count("\n")
            call.heard = call.heard[-TAIL_CHARS:]

    def _entry(self, body: e.Body) -> list[Item]:
        match body:
            case e.Assistant():
                return self._answer(body)
            case e.ToolResult():
                return self._result(body)
            case e.Failure() | e.Interrupt() | e.Rewind():
                self._break(body)
                return [*self._flush(), *self._one(body)]
            case _:
                self._note(body)
                return self._one(body)

    def _break(self, body: e.Failure | e.Interrupt | e.Rewind) -> None:
        """What was on its way is over: the turn has said how it ends, or it goes on without the calls it left."""
        if isinstance(body, e.Rewind):
            self._calls.clear()
            self._blocks.clear()
        elif self._turn is not None:
            self._turn.told = True

    def _note(self, body: e.Body) -> None:
        """What an entry means for those that follow."""
        match body:
            case e.Prompt() | e.Resume():
                self._begin()
            case e.Fork(call=call) | e.Spawn(call=call):
                self._ordered.add(call or "")
            case Checked():
                self._calls.pop(CHECK, None)
            case e.Warmed(usage=usage, cost_usd=cost) if self._turn is not None:
                self._turn.own.add(usage, cost, 0)
            case e.Report() if self._turn is not None:
                self._awaited = [name for name in self._awaited if name != body.agent]
                self._turn.reports.append(body.agent)
                self._turn.theirs.add(body.usage, body.cost_usd, body.steps)

    def _one(self, body: e.Body) -> list[Item]:
        item = item_of(body, self._look)
        return [item] if item else []

    def _answer(self, body: e.Assistant) -> list[Item]:
        if self._turn is not None:
            self._turn.own.add(body.usage, body.cost_usd)
        self._blocks.update((str(call.get("id")), call) for call in calls_of(body.content))
        items = self._flush()
        if not self._streamed and (text := text_of(body.content)).strip():
            items = [Item(self._markdown(text))]
        self._streamed, self._missed, self._thought, self._phase = False, False, "", ""
        return items

    def _flush(self) -> list[Item]:
        return self._prose(self._splitter.end())

    def _result(self, body: e.ToolResult) -> list[Item]:
        call = self._calls.pop(body.call, None)
        block = self._blocks.pop(body.call, None) or (call.block if call else None)
        lines = _lines(call.heard) if call else []
        if body.call in self._ordered and not body.is_error:
            return []
        heard = lines[-HEARD_LINES:]
        before = len(lines) - len(heard) + (call.dropped if call else 0)
        return [finished(block, body, heard, self._look, before=before)]

    def _ended(self, event: ev.TurnEnded) -> list[Item]:
        items = self._flush()
        turn, self._turn = self._turn, None
        self._calls.clear()
        self._blocks.clear()
        self._retry, self._phase, self._thought, self._awaited = None, "", "", []
        if event.status != "done" and event.sentence and not (turn and turn.told):
            items.append(Item(failure_text(event.sentence, (), self._look)))
        if turn is not None and turn.own.steps:
            items.append(Item(self._summary(turn)))
        return items

    def _summary(self, turn: _Turn) -> Text:
        lines = [self._sums(turn.own, [count(turn.own.steps, "step"), seconds(self._clock() - turn.since)])]
        if turn.reports:
            lines.append(self._sums(turn.theirs, [*_kinds(turn.reports), count(turn.theirs.steps, "step")]))
        return Text("\n".join(lines), FAINT)

    def _sums(self, of: _Sum, parts: list[str]) -> str:
        usage = of.usage
        if usage.prompt_tokens:
            parts.append(traffic(usage))
        if of.cost is not None:
            parts.append(dollars(of.cost))
        return self._look.sep.join(parts)

    # --- what is unfinished ---

    @property
    def doing(self) -> str:
        """What the agent does right now, in a few words; empty while no turn runs."""
        if self._turn is None:
            return ""
        for call in self._calls.values():
            if not self._awaited:
                return one_line(title(call.block, self._look)[0].plain, 60)
        return self._now or "working"

    @property
    def _now(self) -> str:
        return awaited(self._awaited) if self._awaited else self._phase

    @property
    def streaming(self) -> str:
        """The Markdown of the block that streams, of which the end matters most."""
        return self._splitter.rest.text

    @property
    def thought(self) -> str:
        """The end of what the model thinks right now."""
        return sanitize(self._thought).strip()

    def live(self, spin: str, *, asking: bool = False) -> list[Text]:
        """What runs, a line each, the activity last; while the user is asked something, that is not said."""
        now = self._clock()
        lines: list[Text] = []
        for call in self._calls.values():
            lines += running(call.block, _lines(call.heard)[-TAIL_LINES:], now - call.since, self._look, spin)
        if self._turn is not None and not asking:
            lines.append(self._activity(now, spin))
        return lines

    def _activity(self, now: float, spin: str) -> Text:
        if self._retry is not None:
            at, wait = self._retry
            left = f"sending again in {max(0, round(at - now))} s" if at > now else "sending again"
            words = f"{left} (attempt {wait.attempt + 1}){self._look.sep}esc gives up"
            # The reason comes last, since it is what a narrow terminal cuts.
            return Text.assemble(
                (f"{self._look.warn} ", WARN), words, (f"{self._look.sep}{one_line(wait.reason)}", FAINT)
            )
        turn = self._turn
        elapsed = seconds(now - turn.since) if turn and now - turn.since >= 1 else ""
        phase = self._now or ("running" if self._calls else "working")
        words = self._look.sep.join(part for part in (phase, elapsed, "esc stops") if part)
        return Text.assemble((f"{spin} ", "cyan"), (words, FAINT))


def _lines(text: str) -> list[str]:
    return [line for line in command_lines(text) if line.strip()]


def _kinds(names: list[str]) -> list[str]:
    """How many of these agents are forks, and how many were spawned."""
    forks = sum(name.startswith("f") for name in names)
    spawned = len(names) - forks
    return [count(number, noun) for number, noun in ((forks, "fork"), (spawned, "spawned agent")) if number]
