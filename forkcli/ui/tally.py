"""What a run came to, summed from its entries as they are told: the answer, steps, tokens and cost of each agent.

Pure bookkeeping over events; it holds one answer at a time, so that its size does not grow with the run.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from forkcli.core.check_entries import Checked
from forkcli.core.entries import Assistant, Body, Paid, Prompt, Report, Rewind, Usage
from forkcli.core.ids import MAIN, AgentId
from forkcli.core.messages import calls_of, text_of

GOES_ON = frozenset({"max_tokens", "pause_turn"})  # the next answer continues this one


@dataclass(slots=True)
class _Row:
    steps: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None  # None as long as no step had a known price
    cached: float | None = None  # share of the first request that came from the cache


class Tally:
    """The sums of a run, over all its agents."""

    def __init__(self) -> None:
        self.root = MAIN  # the agent that the prompt goes to
        self.answer = ""  # its newest text
        self._goes_on = False
        self._rows: dict[AgentId, _Row] = {}
        self._states: dict[AgentId, str] = {}  # of children, as their reports say
        self._checks: dict[tuple[str, str], Checked] = {}  # the newest of each

    def add(self, agent: AgentId, body: Body) -> None:
        """Count one entry."""
        if isinstance(body, Checked):
            self._checks[body.what, body.subject] = body
        if isinstance(body, Report):
            self._states[body.agent] = body.status
        if isinstance(body, Rewind) and body.abandoned is not None:
            self._states[body.abandoned] = "done"
        row = self._rows.setdefault(agent, _Row())
        if isinstance(body, Paid):
            self._count(row, body)
        if agent == self.root:
            self._listen(body)

    @property
    def steps(self) -> int:
        """Model calls of all agents."""
        return sum(row.steps for row in self._rows.values())

    @property
    def cost_usd(self) -> float | None:
        """US dollars; None where steps were made and no price is known."""
        known = [row.cost_usd for row in self._rows.values() if row.cost_usd is not None]
        return sum(known) if known or not self.steps else None

    @property
    def usage(self) -> dict[str, int]:
        """Tokens of all agents, as the API names them."""
        total = Usage()
        for row in self._rows.values():
            total = total.plus(row.usage)
        return asdict(total)

    @property
    def checks(self) -> list[dict[str, Any]]:
        """One object an outside check, for a result; `rounds` is how often it sent the agent back."""
        return [
            {
                "check": what,
                "command" if what == "until" else "perspective": subject,
                "rounds": min(checked.round - checked.passed, checked.rounds),
                "passed": checked.passed,
            }
            for (what, subject), checked in self._checks.items()
        ]

    def rows(self, states: Mapping[AgentId, str]) -> list[dict[str, Any]]:
        """One object an agent, for a result's `agents`."""
        return [
            {
                "agent": agent,
                "state": states.get(agent) or self._states.get(agent, "stopped"),
                "steps": row.steps,
                "usage": asdict(row.usage),
                "cost_usd": row.cost_usd,
                "first_cache_share": row.cached,
            }
            for agent, row in self._rows.items()
        ]

    def _count(self, row: _Row, answer: Paid) -> None:
        if isinstance(answer, Assistant):
            row.cached = row.cached if row.steps else round(answer.usage.cache_share, 4)
            row.steps += 1
        row.usage = row.usage.plus(answer.usage)
        if answer.cost_usd is not None:
            row.cost_usd = (row.cost_usd or 0.0) + answer.cost_usd

    def _listen(self, body: Body) -> None:
        if isinstance(body, Prompt):
            self.answer, self._goes_on = "", False
        elif isinstance(body, Assistant):
            text = text_of(body.content)
            self.answer = self.answer + text if self._goes_on else text or self.answer
            self._goes_on = body.stop_reason in GOES_ON and not calls_of(body.content)
