"""What is to be seen: the events of all agents, what the user has typed ahead, and the user's own errand.

It turns them into items (printed once) and into the live area (drawn again and again); it starts and stops nothing.
"""

from collections.abc import Callable, Iterable

from rich.text import Text

from forkcli.core import entries as e
from forkcli.core import events as ev
from forkcli.core.asked import USER
from forkcli.ui.console import Line, Paper
from forkcli.ui.crowd import Crowd
from forkcli.ui.errand import Errand
from forkcli.ui.feed import Feed
from forkcli.ui.fold import hang
from forkcli.ui.item import Item, bare
from forkcli.ui.look import FAINT, STRONG, Look
from forkcli.ui.markdown import markdown
from forkcli.ui.pending import Pending
from forkcli.ui.sanitize import one_line

SHOWN_THOUGHT = 3  # rows


class Stage:
    """The state behind the screen. `shown_agent` is the one whose name need not be said."""

    def __init__(self, look: Look, clock: Callable[[], float]) -> None:
        self._pending: dict[str, Pending] = {}  # by agent: what is typed is for the one that is shown
        self.errand: Errand | None = None
        self.shown_agent = "main"
        self.asking = False  # the user is asked something
        self.boarding = False  # the live board is there, which shows all agents
        self._look = look
        self._clock = clock
        self._paper = Paper(look.colours)
        self._feeds: dict[str, Feed] = {}
        self._crowd = Crowd(look, clock)
        self._answering: set[str] = set()  # forks that answer the person
        self._overheard: str | None = None  # the one of them that does so now
        self._named: str | None = None  # whose name was printed last
        self._streaming: tuple[str, int, list[Line]] = ("", 0, [])

    def ask(self, asking: bool) -> None:
        """Whether the user is asked something now."""
        self.asking = asking

    def show(self, agent: str) -> None:
        """The user is with this agent from now on."""
        if agent == self.shown_agent:
            return
        left = self._feeds.pop(self.shown_agent, None)
        if left is not None and left.since is not None:
            self._crowd.join(self.shown_agent, left.since, left.doing, left.steps)
        since = self._crowd.leave(agent)
        self.shown_agent, self._named = agent, None
        if since is not None:
            self._feed(agent).goes_on(since, ())

    @property
    def pending(self) -> Pending:
        """What the user has typed for the agent that is shown, and it has not got yet."""
        return self._pending.setdefault(self.shown_agent, Pending())

    def doing(self, agent: str) -> str:
        """What an agent does right now, in a few words; empty where nothing is known of it."""
        return self._feed(agent).doing if agent == self.shown_agent else self._crowd.doing(agent)

    @property
    def busy(self) -> bool:
        """Whether anything moves."""
        return self.errand is not None or self._crowd.busy or any(feed.busy for feed in self._feeds.values())

    def on(self, event: ev.Event) -> list[Item]:
        """Take an event in; what it finished."""
        match event:
            case ev.Appended(entry=e.Entry(body=e.Message(sender="user", text=text))):
                if event.agent in self._pending:
                    self._pending[event.agent].delivered(text)
        if event.agent != self.shown_agent and self._overhears(event):
            return self._overhear(event)
        if event.agent != self.shown_agent:
            return self._crowd.on(event)
        items = self._feed(event.agent).on(event)
        return self._named_items(event.agent, items) if self._named else items

    def _overhears(self, event: ev.Event) -> bool:
        """Whether it is of a fork that answers the person: it is shown like the agent they are with, until it has."""
        match event:
            case ev.Appended(entry=e.Entry(body=e.Agent(answers=answers))) if answers == USER:
                self._answering.add(event.agent)
            case ev.Appended(entry=e.Entry(body=e.Prompt())) if event.agent in self._answering:
                self._overheard = event.agent
                self._crowd.leave(event.agent)
        return event.agent == self._overheard

    def _overhear(self, event: ev.Event) -> list[Item]:
        items = self._feed(event.agent).on(event)
        if isinstance(event, ev.TurnEnded):
            self._overheard = None
        if isinstance(event, ev.Appended) and isinstance(event.entry.body, e.Prompt):
            return []  # the person's own words
        return self._named_items(event.agent, items)

    def past(self, entries: Iterable[e.Entry], agent: str) -> list[Item]:
        """Entries from before, as if this screen had been there; what they leave open is remembered."""
        before, bodies = self._feed(agent), [entry.body for entry in entries]
        feed = self._feeds[agent] = Feed(self._look, self._clock, markdown)
        items = [item for body in bodies for item in feed.replay(body)]
        if before.since is not None:
            feed.goes_on(before.since, bodies)
        return self._named_items(agent, items)

    def live(self, width: int, height: int, spin: str) -> list[Line]:
        """The live area in at most `height` lines: of what streams, the end."""
        rows: list[Line] = []
        thoughts: list[Line] = []
        under: list[Text] = []
        feed = self._feed(self.shown_agent)
        rows = self._streamed(feed.streaming, width)
        thoughts = self._folded(feed.thought, width)
        under += feed.live(spin, asking=self.asking)
        if self._overheard is not None:
            heard = self._feed(self._overheard)
            rows = [*rows, *(self._streamed(heard.streaming, width) if heard.streaming else [])]
            under += heard.live(spin, asking=self.asking)
        crowd_at = len(under)
        if self.errand is not None and not self.asking:
            under += self.errand.lines(self._clock(), self._look, spin)
        under += self.pending.lines(self._look, running=feed.busy or self.errand is not None)
        if not self.boarding:  # last, since what the agent on screen does must be seen whoever else is at work
            under[crowd_at:crowd_at] = self._crowd.lines(spin, height - len(under) - 1)
        lower = [*thoughts, *(line for text in under for line in self._row(text, width))]
        if rows and lower:
            rows = [*rows, []]
        rows = [*rows, *lower]
        if len(rows) > height:
            rows = rows[len(rows) - height + 1 :] if height > 0 else []
            rows = [*self._row(Text(self._look.more, FAINT), width), *rows] if height > 0 else []
        return rows

    def _feed(self, agent: str) -> Feed:
        if agent not in self._feeds:
            self._feeds[agent] = Feed(self._look, self._clock, markdown)
        return self._feeds[agent]

    def _streamed(self, text: str, width: int) -> list[Line]:
        """The unfinished block, rendered when it has changed."""
        if self._streaming[:2] != (text, width):
            lines = bare(self._paper.lines(markdown(text), width)) if text.strip() else []
            self._streaming = (text, width, lines)
        return self._streaming[2]

    def _folded(self, thought: str, width: int) -> list[Line]:
        """The last rows of a thought, which may be one long line."""
        return self._paper.lines(hang("  ", Text(thought, FAINT)), width)[-SHOWN_THOUGHT:] if thought else []

    def _row(self, text: Text, width: int) -> list[Line]:
        text.no_wrap, text.overflow = True, "ellipsis"
        return self._paper.lines(text, width)

    def _named_items(self, agent: str, items: list[Item]) -> list[Item]:
        """The items, after the agent's name where it is another than the last one's."""
        if not items or agent == (self._named or self.shown_agent):
            return items
        self._named = agent
        return [Item(Text(f"{self._look.agent} {one_line(agent, 12)}", STRONG)), *items]
