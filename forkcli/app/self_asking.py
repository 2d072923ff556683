"""Questions of a spawned agent that its parent answers itself: each is a message, and so is the answer.

Nobody is kept waiting for ever: who comes to rest without having answered has not answered. A question that a crash cut
off is put again with its call; one that is there already is not put twice.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from forkcli.core.decide import Finish, next_action
from forkcli.core.entries import Message
from forkcli.core.ids import AgentId, CallId
from forkcli.core.interview import interviewing, rounds
from forkcli.engine.agent import Agent
from forkcli.errors import ForkError
from forkcli.prompts import filled
from forkcli.store.agent_files import INBOX
from forkcli.store.inbox import messages_from, put_message

if TYPE_CHECKING:
    from forkcli.app.session import Session

LOOK_S = 0.1  # how often it is looked whether the answer is there
DECIDE = "Decide yourself, and say in your last message what you decided."


def answers_itself(sender: Agent, receiver: AgentId) -> bool:
    """Whether this question is one of an interview that the parent answers itself."""
    about = sender.history.agent
    return about is not None and about.interview == "self" and about.above == receiver and interviewing(sender.history)


async def put(session: "Session", sender: Agent, receiver: AgentId, call: CallId, text: str) -> str:
    """Put the question and wait until a message of the receiver answers it. Raises ForkError if none will come."""
    live = session.live(receiver)
    if live is None or live[0].task is None:
        raise ForkError(f"{receiver} is not at work, so it cannot answer", DECIDE)
    parent = live[0]
    agents = session.around.scratch.agent_folder(session.id, receiver).parent
    number = str(rounds(sender.history, call) + 1)
    told = filled("spawn_question", agent=sender.id, number=number, question=text)
    sent = messages_from(agents / receiver / INBOX, sender.id)
    name = next((name for name, there in sent.items() if there.strip() == told.strip()), None)
    before = _answers(agents, sender, receiver) if name is None else set()
    if name is None:
        name = put_message(agents / receiver / INBOX, sender.id, told).name
    member = session.fleet.members.get(sender.id)
    if member is not None:
        member.asked = True
    parent.woken.set()
    while not _answers(agents, sender, receiver) - before:
        if parent.task is None or _is_at_rest(parent, name):
            raise ForkError(f"{receiver} has ended its turn without an answer", DECIDE)
        await asyncio.sleep(LOOK_S)
    return f"{receiver} has answered: its message follows."


def _answers(agents: Path, sender: Agent, receiver: AgentId) -> set[str]:
    """The names of messages of the receiver that the sender has not read."""
    read = {entry.body.file for entry in sender.history.entries.own if isinstance(entry.body, Message)}
    return set(messages_from(agents / sender.id / INBOX, receiver)) - read


def _is_at_rest(parent: Agent, question: str) -> bool:
    """Whether the parent has read the question and has nothing left to do."""
    if not isinstance(next_action(parent.history), Finish):
        return False
    bodies = (entry.body for entry in reversed(parent.history.entries.own))
    return any(isinstance(body, Message) and body.file == question for body in bodies)
