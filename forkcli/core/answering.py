"""Questions that a fork of the asked agent answers: where each stands, from the asked agent's history alone.

Invariant: an agent asks another one through one fork for as long as that has steps left, so that it remembers what it
was asked before; what a person asks gets a fork of its own each time.
"""

from dataclasses import dataclass

from forkcli.core.asked import USER, Asked
from forkcli.core.entries import Assistant, Child, Fork, Prompt, Spawn
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId
from forkcli.core.messages import text_of

ANSWER_STEPS = 40  # model calls of a fork that answers, all its questions together
TASK_CHARS = 120


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on record of a question: `order` names the fork that answers it, `answer` is there if it did."""

    order: Asked | None = None
    answer: str | None = None
    put: bool = False  # this very question is on record, not only earlier ones of the asker


def standing(asked: History, by: str, call: CallId | None) -> Standing:
    """Where the question that `by` puts with its call `call` stands in the history of the asked agent."""
    if by == USER:
        return Standing()
    records = [entry.body for entry in asked.entries.own if isinstance(entry.body, Asked) and entry.body.by == by]
    same = [record for record in records if record.call == call]
    answer = next((record.answer for record in same if record.answer is not None), None)
    found = same or records
    return Standing(found[-1] if found else None, answer, put=bool(same))


def introduced(asked: History, by: str) -> str:
    """Who asks, as the asked agent knows it: one that it spawned or forked; empty for anybody else."""
    for entry in reversed(asked.entries.own):
        order = entry.body
        if isinstance(order, Spawn) and by == order.onboarded:
            return f"{by} is the new agent of your `spawn` call, and gets ready for all its tasks. "
        if isinstance(order, Fork | Spawn) and any(child.agent == by for child in order.children):
            return f"{by} is one of those that your `{order.TYPE}` call has made. "
    return ""


def only_answers(history: History) -> bool:
    """Whether this agent is a fork that answers questions: it may look, and neither send, ask nor start anything."""
    return history.agent is not None and history.agent.answers != ""


def answering_child(name: AgentId, by: str, question: str) -> Child:
    """The fork that answers."""
    line = next((line.strip() for line in question.splitlines() if line.strip()), "")
    short = line if len(line) <= TASK_CHARS else line[: TASK_CHARS - 1] + "…"
    return Child(name, f"asked by {by}: {short}", "read", ANSWER_STEPS)


def spent(answering: History) -> bool:
    """Whether a fork that answers has no steps left for another question."""
    most = answering.agent.max_steps if answering.agent else None
    return most is not None and answering.own_steps >= most


def is_put(answering: History, question: str) -> bool:
    """Whether this question is the one that the fork was asked last."""
    prompts = [entry.body for entry in answering.entries.own if isinstance(entry.body, Prompt)]
    return bool(prompts) and prompts[-1].text == question


def last_words(answering: History) -> str:
    """What it said since the newest question; empty if nothing."""
    for entry in reversed(answering.entries.own):
        match entry.body:
            case Prompt():
                return ""
            case Assistant(content=content) if text := text_of(content).strip():
                return text
    return ""


def steps_since(asked: History, order: Asked) -> int:
    """Answers that the asked agent has given since the fork that answers knows of it."""
    return sum(isinstance(entry.body, Assistant) and entry.seq > order.from_seq for entry in asked.entries.own)
