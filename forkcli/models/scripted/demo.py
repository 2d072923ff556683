"""The script of `fork demo`: it plays a model that fixes a bug, forks for three wishes, and goes back with a report.

It keeps no state: what it answers, also as which agent, follows from the request alone, so an interrupted demo can be
resumed. It reads the real results of the tools and claims nothing that they do not show.
"""

from collections.abc import Callable, Sequence

from forkcli.core.messages import Block, Json, calls_of, text_of
from forkcli.models.scripted.demo_fix import fixing, not_fixed
from forkcli.models.scripted.demo_past import as_past_self, going_back, handed, refused
from forkcli.models.scripted.demo_project import make_project
from forkcli.models.scripted.demo_reading import Done, Outcome, done_in, read_test_run, task_in
from forkcli.models.scripted.demo_reports import after_forks, forking
from forkcli.models.scripted.demo_wishes import TESTS, as_fork
from forkcli.models.scripted.script import Reply, blocks_of, say

__all__ = ["DEMO_COMMANDS", "DEMO_PROMPT", "Outcome", "demo_script", "make_project", "read_test_run"]

DEMO_PROMPT = (
    "A test of this project fails: find out why and fix the bug. Then grant the three wishes of WISHES.md, "
    "and show that all tests pass."
)
DEMO_COMMANDS = frozenset({TESTS})  # all that the script ever runs
TOKENS_PER_S = 200.0

_AFTERWORD = (
    "I am a script and have nothing to say beyond the demo. To work with a model, set `ANTHROPIC_API_KEY`, or point "
    "`--base-url` at a local server that speaks the Messages API."
)


def demo_script() -> Callable[[Json], Reply]:
    """The script, for a `ScriptedServer`."""
    return lambda request: Reply(_next(request), tokens_per_s=TOKENS_PER_S, chunk_chars=12)


def _next(request: Json) -> list[Block]:
    """The next answer, from all that was done since the demo's prompt."""
    messages: list[Json] = request["messages"]
    start = max((i for i, m in enumerate(messages) if _asks(m)), default=None)
    if start is None or _is_over(messages[start + 1 :]):
        return [say(_AFTERWORD)]
    report = handed(messages[start + 1 :])
    if report is not None:
        return as_past_self(report)
    done = done_in(messages[start:])
    if done and done[-1].name == "rewind":
        return [say(str(done[-1].arguments.get("report")) if refused(done) else _AFTERWORD)]
    forked = max((i for i, one in enumerate(done) if one.name == "fork"), default=None)
    if forked is None:
        return _alone(done)
    fork, since = done[forked], done[forked + 1 :]
    task = task_in(fork.result)
    if task is not None:
        return as_fork(task, since)
    answer = after_forks(fork, since)
    return going_back(request, start, str(answer[0]["text"])) if _concludes(answer, since) else answer


def _concludes(answer: Sequence[Block], since: Sequence[Done]) -> bool:
    """Whether it is the answer after the last run of the tests."""
    return bool(since) and since[-1].name == "bash" and not calls_of(answer)


def _alone(done: Sequence[Done]) -> list[Block]:
    answer = fixing(done)
    if answer is not None:
        return answer
    run = read_test_run(done[-1].result)
    return forking(run) if run.passed else [say(not_fixed(run, done[-1]))]


def _asks(message: Json) -> bool:
    return message["role"] == "user" and DEMO_PROMPT in text_of(blocks_of(message["content"]))


def _is_over(messages: Sequence[Json]) -> bool:
    """Whether the script has concluded, or was given a task beyond it: then a person's fork speaks in a prompt."""
    spoken = [m for m in messages if m["role"] == "assistant"]
    told = (task_in(str(b.get("text", ""))) for m in messages for b in blocks_of(m["content"]) if b["type"] == "text")
    return any(task is not None for task in told) or (bool(spoken) and not calls_of(blocks_of(spoken[-1]["content"])))
