"""What verbs return: frozen values that the shell prints, JSON carries and slash commands show. Their field names are
the JSON's names. Pure: how an agent's state and sums follow from its history, and nothing about how it is shown.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, Literal

from forkcli.core.answering import only_answers
from forkcli.core.decide import Finish, is_unfinished, next_action, waits_for_a_prompt
from forkcli.core.entries import (
    AgentKind,
    Assistant,
    Paid,
    Prompt,
    Rewind,
    ToolResult,
    Usage,
)
from forkcli.core.history import History
from forkcli.core.ids import AgentId, Seq, SessionId
from forkcli.core.messages import Json

State = Literal["running", "idle", "done", "failed", "stopped", "limit", "damaged"]
Severity = Literal["error", "note"]
Health = Literal["ok", "note", "missing"]

_HALTED: dict[str, State] = {
    "failed": "failed",
    "unavailable": "failed",
    "refused": "failed",
    "interrupted": "stopped",
    "limit": "limit",
    "done": "done",
}


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session in a list. Times are UTC, ISO 8601; the cost is in US dollars, None where no price is known."""

    session: SessionId
    title: str
    created: str
    updated: str
    state: State
    agents: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class FilesView:
    """What became of an agent's file changes: those of the root agent, and of what it left behind, stand in the
    project itself."""

    state: Literal["in_place", "own", "merged", "nothing", "kept", "conflict"] = "in_place"
    changed: tuple[str, ...] = ()  # by `write` and `edit`, or by the merge; what commands changed is not known here


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent in a tree. `at` is the parent's entry where it begins; `task` what it was asked, in one line."""

    agent: AgentId
    kind: AgentKind
    parent: AgentId | None
    at: Seq | None
    state: State
    task: str
    steps: int
    usage: Usage
    cost_usd: float | None
    first_cache_share: float | None
    files: FilesView


@dataclass(frozen=True, slots=True)
class TreeView:
    """A session's agents, parents before their children."""

    session: SessionId
    agents: tuple[AgentRow, ...]


@dataclass(frozen=True, slots=True)
class AgentView:
    """One agent: its row, what it runs on, where its files lie, what it was last asked and last said."""

    session: SessionId
    row: AgentRow
    model: str
    effort: str | None
    access: str
    net: bool
    context_tokens: int
    folder: str
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class EntriesView:
    """A history: its entries as JSON objects, and as the transcript shows them."""

    entries: tuple[Json, ...]
    transcript: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One thing that `check` found."""

    agent: AgentId
    severity: Severity
    sentence: str


@dataclass(frozen=True, slots=True)
class CheckView:
    """What `check` says of a session; `ok` is false where something is damaged or differs."""

    session: SessionId
    ok: bool
    agents: int
    findings: tuple[FindingView, ...]


@dataclass(frozen=True, slots=True)
class ToldView:
    """A message that was left for an agent; `running` says that a process works in the session now."""

    session: SessionId
    agent: AgentId
    file: str
    running: bool


@dataclass(frozen=True, slots=True)
class Leftover:
    """A session that `clean` could remove, and its size in bytes."""

    session: SessionId
    title: str
    updated: str
    size: int


@dataclass(frozen=True, slots=True)
class CleanView:
    """What `clean` would remove, or has removed; `kept` says why others stay."""

    sessions: tuple[Leftover, ...]
    kept: tuple[str, ...] = ()
    removed: bool = False

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(one.size for one in self.sessions)


@dataclass(frozen=True, slots=True)
class HealthRow:
    """One thing that `doctor` looked at; `missing` is what fork cannot do its main job without."""

    name: str
    health: Health
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class HealthView:
    """All that `doctor` looked at."""

    ok: bool
    rows: tuple[HealthRow, ...]


@dataclass(frozen=True, slots=True)
class FillRow:
    """A share of the context: what it is, how often it is there, and about how many tokens it takes."""

    what: str
    count: int
    tokens: int


@dataclass(frozen=True, slots=True)
class FillView:
    """What fills a context: by kind and by file, largest first. Tokens are estimates that add up to `tokens`."""

    tokens: int
    window: int | None
    kinds: tuple[FillRow, ...]
    files: tuple[FillRow, ...]


@dataclass(frozen=True, slots=True)
class CostRow:
    """What the calls of one model came to."""

    model: str
    steps: int
    usage: Usage
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class CostView:
    """What agents cost, by model, and in all."""

    rows: tuple[CostRow, ...]
    steps: int
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None


def state_of(history: History, *, held: bool) -> State:
    """An agent's state; `held` says that a process works in its session."""
    waits = waits_for_a_prompt(history)
    if held:
        return "running" if is_unfinished(history) and history.halt is None else "idle"
    if history.halt is not None:
        return _HALTED[history.halt.status]
    if waits:
        return "done"
    action = next_action(history)
    if isinstance(action, Finish):
        return _HALTED[action.status] if history.steps else "idle"
    return "stopped"


def answers_of(history: History) -> list[Assistant]:
    """All answers of a history, oldest first."""
    return [entry.body for entry in history.entries if isinstance(entry.body, Assistant)]


def cost_of(paid: Iterable[Paid]) -> float | None:
    """US dollars of these calls: 0 for none, None where some were made and no price is known."""
    costs = [call.cost_usd for call in paid]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known or not costs else None


def agent_row(history: History, *, held: bool, above: History | None = None) -> AgentRow:
    """The row of an agent. Its history says what it is, and what it did itself; `above` is its parent's history."""
    answers = history.own_answers()
    first = answers[0].usage if answers else None
    about = history.agent
    prompts = (entry.body.text for entry in history.entries.own if isinstance(entry.body, Prompt))
    return AgentRow(
        agent=about.agent if about else AgentId("?"),
        kind=about.kind if about else "main",
        parent=about.parent if about else None,
        at=about.from_seq if about else None,
        state=_child_state(history, above)
        or _left_state(history, above)
        or _answerer_state(history)
        or state_of(history, held=held),
        task=_first_line((about.task if about else "") or next(prompts, "")),
        steps=history.own_steps,
        usage=usage_of(history.own_paid()),
        cost_usd=cost_of(history.own_paid()),
        first_cache_share=round(first.cache_share, 4) if first else None,
        files=_files(history, above),
    )


def usage_of(paid: Iterable[Paid]) -> Usage:
    """The tokens of these calls, added up."""
    total = Usage()
    for call in paid:
        total = total.plus(call.usage)
    return total


def _child_state(history: History, above: History | None) -> State | None:
    """The state of a child that has reported and done nothing since."""
    if above is None or history.agent is None:
        return None
    report = above.reports.get(history.agent.agent)
    return report.status if report is not None and report.steps == history.own_steps else None


def _left_state(history: History, above: History | None) -> State | None:
    """A stretch that was left behind has nothing to do until somebody asks it something."""
    if above is None or history.agent is None or history.agent.kind != "abandoned" or history.own_steps:
        return None
    left = any(isinstance(one.body, Rewind) and one.body.abandoned == history.agent.agent for one in above.entries)
    return "done" if left and not any(isinstance(entry.body, Prompt) for entry in history.entries.own) else None


def _answerer_state(history: History) -> State | None:
    """A fork that answers has done its part when it has answered."""
    return "done" if only_answers(history) and history.steps and not is_unfinished(history) else None


def _files(history: History, above: History | None) -> FilesView:
    about = history.agent
    if about is None or about.parent is None:
        return FilesView(changed=_changed(history))
    if about.kind == "abandoned":
        return FilesView(changed=_changed(history))
    merge = above.merges.get(about.agent) if above is not None else None
    if merge is None:
        return FilesView("own" if about.access != "read" else "in_place", _changed(history))
    return FilesView(merge.outcome, merge.paths)


def _changed(history: History) -> tuple[str, ...]:
    """Paths that tools named as changed and that no rewind has restored since."""
    paths: dict[str, None] = {}
    for entry in history.entries.own:
        match entry.body:
            case ToolResult(facts=facts):
                paths.update(dict.fromkeys(facts.changed))
            case Rewind(restored=restored):
                paths = {path: None for path in paths if path not in restored}
            case _:
                pass
    return tuple(paths)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]


def as_json(view: Any) -> Any:
    """A view as plain JSON values."""
    if isinstance(view, list | tuple):
        return [as_json(item) for item in view]
    return asdict(view) if is_dataclass(view) and not isinstance(view, type) else view
