"""One-shot output: the events of a run as text, as one JSON object, or as one JSON object a line.

It takes its streams as arguments and knows neither the engine nor the files. In the JSON formats nothing but JSON ever
reaches the output stream; text is sanitized as on a terminal. A reader that has gone away is never an error: what
follows is dropped, and whoever runs the turn is told through `on_closed`, until that says that it has acted.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TextIO

from forkcli.core.events import Appended, CallStarted, Event, RetryWait, Told, TurnEnded, TurnStatus, Warned
from forkcli.core.ids import MAIN, AgentId
from forkcli.errors import ForkError
from forkcli.ui.jsontext import json_text
from forkcli.ui.progress import Progress
from forkcli.ui.tally import Tally
from forkcli.ui.wire import wire

_SAME_WAIT_S = 1.0  # waits that end so close to each other are one

Format = Literal["text", "json", "stream-json"]

EXIT_CODES: Mapping[TurnStatus, int] = {
    "done": 0,
    "failed": 1,
    "refused": 1,
    "limit": 3,
    "unavailable": 75,
    "interrupted": 130,
}
# What the loop's sentence names when a limit ended the turn -> the subtype that scripts know.
_LIMITS = {
    "(--max-cost)": "error_max_budget_usd",
    "(--max-steps)": "error_max_turns",
    "(--max-rounds)": "error_max_rounds",
    "(--review)": "error_max_rounds",
}


class Pipe:
    """Consumes the events of one run and writes them to `out`; progress for people goes to `err` in the text format."""

    def __init__(
        self,
        form: Format,
        out: TextIO,
        err: TextIO,
        *,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.closed = False
        self.on_closed: Callable[[], bool] | None = None
        self._form = form
        self._out = out
        self._progress = Progress(err, verbose=verbose, quiet=form != "text")
        self._clock = clock
        self._began = clock()
        self._session = ""
        self._agent = MAIN
        self._tally = Tally()
        self._end = TurnEnded(MAIN, "failed", "the turn did not end")
        self._finished = False
        self._told_until = -math.inf  # the end of the longest wait for the API that was told of
        self._told_attempt = 0

    def begin(
        self,
        *,
        session: str,
        agent: AgentId,
        model: str,
        cwd: str,
        tools: Sequence[str] = (),
        **more: str | bool | None,
    ) -> None:
        """Say what runs: `more` are further facts of the `system/init` object (effort, access, sandbox, version, …)."""
        self._session, self._agent = session, agent
        self._tally.root = agent
        facts = {"cwd": cwd, "model": model, "tools": list(tools), **more}
        self._stream({"type": "system", "subtype": "init", "agent": agent, **facts})
        self._progress.begin(session, model, str(more.get("sandbox") or ""))

    def on_event(self, event: Event) -> None:
        """Take one event. Never raises for a reader that has gone away."""
        match event:
            case Appended(agent=agent, entry=entry):
                self._tally.add(agent, entry.body)
                if self._form == "stream-json":
                    for value in wire(entry):
                        self._stream({**value, "agent": agent})
                self._progress.entry(entry.body, "" if agent == self._agent else agent)
            case CallStarted(agent=agent, call=call):
                self._progress.call(call, "" if agent == self._agent else agent)
            case RetryWait(agent=agent, seconds=seconds, attempt=attempt, reason=reason):
                retry = {"attempt": attempt, "retry_delay_ms": round(seconds * 1000), "error": reason}
                self._stream({"type": "system", "subtype": "api_retry", "agent": agent, **retry})
                self._retry(seconds, attempt, reason)
            case Warned(agent=agent, text=text):
                self._stream({"type": "system", "subtype": "warning", "agent": agent, "text": text})
                self._progress.warn(text, "" if agent == self._agent else agent)
            case Told(agent=agent, text=text):
                self._stream({"type": "message", "agent": agent, "from": agent, "to": "user", "text": text})
                self._progress.told(agent, text)
            case TurnEnded(agent=agent) if agent == self._agent:
                self._end = event

    def finish(self, status: TurnStatus | None = None, sentence: str = "") -> int:
        """Write the result, once; returns the exit code. Without a status, that of the `TurnEnded` that was seen."""
        if self._finished:
            return EXIT_CODES[self._end.status]
        self._finished = True
        if status is not None:
            self._end = TurnEnded(self._agent, status, sentence)
        if self._form == "text":
            self._write(self._progress.clean(self._tally.answer))
            self._progress.end(self._end, self._tally, self._clock() - self._began, self._session)
        else:
            self._write_json(self._result())
        return EXIT_CODES[self._end.status]

    def fail(self, error: ForkError) -> None:
        """Write the result of a run that an error ended beside the turn, once; in text that is the door's to say."""
        if self._finished:
            return
        self._finished = True
        if self._form != "text":
            told = {**self._result(), **_outcome("error_during_execution", error.sentence, self._tally.answer)}
            self._write_json({**told, "hints": list(error.hints)})

    def _retry(self, seconds: float, attempt: int, reason: str) -> None:
        """Tell of a wait once: many agents wait for the same end of the same pause. A later attempt is another wait."""
        now = self._clock()
        over = now >= self._told_until
        if over or attempt > self._told_attempt or now + seconds > self._told_until + _SAME_WAIT_S:
            self._told_until = max(self._told_until, now + seconds)
            self._told_attempt = attempt if over else max(self._told_attempt, attempt)
            self._progress.retry(seconds, attempt, reason)

    def _result(self) -> dict[str, Any]:
        end, tally = self._end, self._tally
        return {
            **_outcome(subtype_of(end), end.sentence if end.status != "done" else None, tally.answer),
            "session_id": self._session,
            "agent": self._agent,
            "num_turns": tally.steps,
            "duration_ms": round((self._clock() - self._began) * 1000),
            "total_cost_usd": tally.cost_usd,
            "usage": tally.usage,
            "agents": tally.rows({self._agent: end.status}),
            "checks": tally.checks,
        }

    def _stream(self, value: dict[str, Any]) -> None:
        if self._form == "stream-json":
            self._write_json({**value, "session_id": self._session})

    def _write_json(self, value: dict[str, Any]) -> None:
        self._write(json_text(value, encoding=self._out.encoding) + "\n")

    def _write(self, text: str) -> None:
        if not text:
            return
        if not self.closed:
            try:
                self._out.write(text)
                self._out.flush()
            except BrokenPipeError:
                self.closed = True
        if self.closed and self.on_closed is not None and self.on_closed():
            self.on_closed = None


def subtype_of(end: TurnEnded) -> str:
    """How a result names the end of a turn: `success`, or an error that scripts know."""
    if end.status == "done":
        return "success"
    if end.status == "limit":
        return next((name for flag, name in _LIMITS.items() if flag in end.sentence), "error_during_execution")
    return "error_during_execution"


def _outcome(subtype: str, problem: str | None, answer: str) -> dict[str, Any]:
    value = {"type": "result", "subtype": subtype, "is_error": problem is not None, "result": answer}
    return value if problem is None else {**value, "errors": [problem]}
