"""What a person sees on stderr while a one-shot run goes on: a line a tool call, retries, warnings, and how it ended.

Plain text, sanitized, one line each; it never writes to stdout, and a closed stderr is not an error.
"""

from typing import TextIO

from forkcli.core import entries as e
from forkcli.core.check_entries import Checked
from forkcli.core.events import TurnEnded
from forkcli.core.messages import Block, calls_of, text_of
from forkcli.core.reports import facts_of, files_of
from forkcli.ui import figures
from forkcli.ui.checks import outcome, round_words
from forkcli.ui.sanitize import one_line, sanitize
from forkcli.ui.tally import Tally

WIDTH = 120  # characters of a call's line
SENTENCE = 2000  # characters of what went wrong: it is not cut where a person would need it


class Progress:
    """Lines on `err`; none at all when `quiet` but for warnings and the end's sentence, more when `verbose`."""

    def __init__(self, err: TextIO, *, verbose: bool, quiet: bool) -> None:
        self._err = err
        self._verbose = verbose
        self._quiet = quiet

    def begin(self, session: str, model: str, sandbox: str) -> None:
        """What runs, when asked to say more."""
        if self._verbose:
            self._say(f"session {session}, model {model}, sandbox: {sandbox or 'unknown'}")

    def call(self, call: Block, of: str = "") -> None:
        """A tool call begins; `of` names the fork that makes it."""
        if not self._quiet:
            self._say(f"- {_named(of)}{summary(call)}")

    def entry(self, body: e.Body, of: str = "") -> None:
        """Something was recorded: failed calls are shown, and when asked to say more also what was said between."""
        if self._quiet:
            return
        match body:
            case e.ToolResult(is_error=is_error, facts=facts, content=content) if is_error or facts.exit_code:
                said = f"exit {facts.exit_code}" if facts.exit_code else text_of(content).strip().split("\n", 1)[0]
                self._say(f"  {_named(of)}{said}")
            case e.Assistant(content=content) if self._verbose and calls_of(content):
                text = text_of(content)
                if text:
                    self._say(_named(of) + text, lines=True)
            case e.Report():
                self._say(f"- {body.agent} {facts_of(body)}", width=SENTENCE)
            case e.Merge() if body.outcome != "nothing":
                self._say(f"  {body.agent} {files_of(body)}", width=SENTENCE)
            case e.Rewind():
                left = f"; what came after it is {body.abandoned} now" if body.abandoned else ""
                self._say(f"  back at {body.to}{left}", width=SENTENCE)
            case Checked():
                more = "" if body.passed else f", {round_words(body)}"
                what = f"{body.what} {body.subject}".rstrip()
                self._say(f"- {what}: {outcome(body)}{more}", width=SENTENCE)
            case e.Message(sender=sender, text=text):
                self._say(f"message from {sender}: {text.split(chr(10), 1)[0]}")

    def told(self, agent: str, text: str) -> None:
        """What an agent tells the person, whole."""
        if not self._quiet:
            self._say(f"{agent}: {text}", lines=True)

    def retry(self, seconds: float, attempt: int, reason: str) -> None:
        """The API could not answer."""
        if not self._quiet:
            self._say(f"{reason}; attempt {attempt + 1} in {figures.seconds(seconds)}", width=SENTENCE)

    def warn(self, text: str, of: str = "") -> None:
        """Something a person should know, in every format."""
        self._say(f"warning: {_named(of)}{text}", width=SENTENCE)

    def end(self, end: TurnEnded, tally: Tally, seconds: float, session: str) -> None:
        """How the turn ended, and where it can be gone on with."""
        if end.status != "done":
            self._say(f"{end.status}: {end.sentence}" if end.sentence else end.status, width=SENTENCE)
        cost = [] if not tally.cost_usd else [figures.dollars(tally.cost_usd)]
        where = [f"session {session}"] if session else []
        self._say(", ".join([figures.count(tally.steps, "step"), figures.seconds(seconds), *cost, *where]))

    @staticmethod
    def clean(answer: str) -> str:
        """The answer as it goes to stdout: sanitized, and ending with a newline unless there is none at all."""
        text = sanitize(answer)
        return text if not text or text.endswith("\n") else text + "\n"

    def _say(self, text: str, *, lines: bool = False, width: int = WIDTH) -> None:
        try:
            self._err.write((sanitize(text) if lines else one_line(text, width)) + "\n")
            self._err.flush()
        except (BrokenPipeError, ValueError):
            self._quiet = True


def _named(agent: str) -> str:
    return f"{agent}: " if agent else ""


def summary(call: Block) -> str:
    """A call in a few words: the tool and what it is about."""
    name, args = str(call.get("name", "?")), call.get("input")
    given = args if isinstance(args, dict) else {}
    for key in ("command", "path", "stop"):
        if isinstance(given.get(key), str):
            return f"{name} {given[key].strip()}"
    if name == "fork" and isinstance(given.get("tasks"), list):
        return f"fork into {len(given['tasks'])}"
    if name == "rewind":
        return f"rewind to {given.get('to', '?')}"
    if name == "send" and isinstance(given.get("to"), str) and isinstance(given.get("text"), str):
        return f"{'ask' if given.get('wait') is True else 'tell'} {given['to']}: {given['text'].strip()}"
    if name == "spawn" and isinstance(given.get("tasks"), list):
        return f"spawn for {figures.count(len(given['tasks']), 'task')}"
    return " ".join([name, *(f"{key}={value}" for key, value in given.items())])
