"""Brings what agents say to each other and to the person: messages into inboxes, questions to who answers them.

Invariant: a message is a file before its sender is told that it was sent, and an entry of its receiver's before it is
part of a context; it is there once.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forkcli.app.self_asking import answers_itself, put
from forkcli.core.answering import only_answers
from forkcli.core.asked import USER
from forkcli.core.entries import Message, Prompt, Resume, ToolResult
from forkcli.core.events import Told
from forkcli.core.ids import AgentId, CallId
from forkcli.core.interview import refused
from forkcli.engine.agent import Agent
from forkcli.engine.rig import Rig
from forkcli.errors import ForkError
from forkcli.store.agent_files import HISTORY, INBOX
from forkcli.store.inbox import put_message, unread
from forkcli.store.reading import read_history

if TYPE_CHECKING:
    from forkcli.app.session import Session

PARENT = "parent"
MOST_UNREAD = 200  # messages that wait in one inbox
MOST_SENT = 100  # messages and questions of one agent in one turn

NOT_THERE = "nobody is there to answer in this run"
ASKING = "With `wait: true` it is asked, and a fork of it answers at once."
DECIDE = "Decide yourself, and say in your last message what you decided."


@dataclass(frozen=True, slots=True)
class Post:
    """Fills `engine.rig.PostPort` for one session."""

    session: "Session"

    async def send(self, sender: Agent, rig: Rig, to: str, text: str) -> str:
        """Leave a message; returns when it will be read. Raises ForkError: no such agent, or a bound."""
        self._allowed(sender)
        receiver = self.receiver(sender, to)
        if receiver == USER:
            sender.emit(Told(sender.id, text))
            return "The person sees it." if rig.approvals.attended else f"It is in the output; {NOT_THERE}."
        folder = self.session.around.scratch.agent_folder(self.session.id, receiver)
        if unread(folder / INBOX, self._read(receiver)) >= MOST_UNREAD:
            raise ForkError(f"the inbox of {receiver} is full: {MOST_UNREAD} messages wait there to be read")
        put_message(folder / INBOX, sender.id, text)
        return self.when_read(receiver, ASKING)

    async def ask(self, sender: Agent, rig: Rig, call: CallId, to: str, text: str) -> str:
        """The answer to a question; the sender holds no place while it waits. Raises ForkError."""
        self._allowed(sender)
        receiver = self.receiver(sender, to)
        reason = refused(sender.history, call)
        if reason is not None:
            raise ForkError(reason)
        async with self.session.fleet.places.lent(sender.id):
            if receiver == USER:
                return await self._inquired(sender, rig, text)
            if answers_itself(sender, receiver):
                return await put(self.session, sender, receiver, call, text)
            return (await self.session.answering.ask(receiver, text, asker=sender, call=call))[1]

    def receiver(self, sender: Agent, to: str) -> AgentId:
        """Who `to` names, for this sender; `user` for the person. Raises ForkError naming those that there are."""
        about = sender.history.agent
        if to == PARENT:
            if about is None or about.above is None:
                raise ForkError(f"the agent {sender.id} has no parent", f"The person is `{USER}`.")
            return about.above
        if to == USER:
            return AgentId(USER)
        if to == sender.id:
            raise ForkError(f"you are {to} yourself")
        known = self.known()
        if to not in known:
            others = ", ".join(name for name in known if name != sender.id) or "none yet"
            raise ForkError(
                f"there is no agent `{to[:40]}` in this session", f"`{PARENT}`, `{USER}`, or one of: {others}."
            )
        return AgentId(to)

    def when_read(self, name: AgentId, asking: str) -> str:
        """When a message that was just left for this agent will be read; `asking` is how it could be asked instead."""
        live, member = self.session.live(name), self.session.fleet.members.get(name)
        if live is not None and live[0].task is not None:
            if any(call.forked for call in live[0].history.open_calls.values()):
                return f"Sent. {name} waits for its forks, and reads it when they have ended."
            return f"Sent. {name} reads it at its next step."
        begun = live is not None and live[0].history.own_steps > 0
        if member is not None and not member.over and not begun:
            return f"Sent. {name} has not begun yet, and reads it first."
        if live is not None and member is None:
            return f"Sent. {name} is idle, and reads it with its next prompt."
        ended = f"Left in its inbox, but {name} has ended: it reads it only if somebody goes on with it."
        return f"{ended} {asking.format(agent=name)}"

    async def _inquired(self, sender: Agent, rig: Rig, text: str) -> str:
        if not rig.approvals.attended:
            raise ForkError(NOT_THERE, DECIDE)
        answer = await rig.approvals.inquire(sender, text)
        if answer is None or not answer.strip():
            raise ForkError("the person chose not to answer", DECIDE)
        return answer

    def _allowed(self, sender: Agent) -> None:
        if only_answers(sender.history):
            raise ForkError("you only answer a question here: you can neither ask nor send", "End with your answer.")
        sent = 0
        for entry in reversed(sender.history.entries.own):
            match entry.body:
                case Prompt() | Resume():
                    break
                case ToolResult(name="send", is_error=False):
                    sent += 1
        if sent >= MOST_SENT:
            raise ForkError(f"you have sent {MOST_SENT} messages in this turn, and that is the most", "Go on without.")

    def known(self) -> list[AgentId]:
        """The agents of the session, those included that are yet to begin."""
        return list(dict.fromkeys([*self.session.around.scratch.agents(self.session.id), *self.session.fleet.members]))

    def _read(self, name: AgentId) -> set[str]:
        """The names of the message files that this agent has read."""
        live = self.session.live(name)
        if live is not None:
            entries = live[0].history.entries.own
        else:
            path = self.session.around.scratch.agent_folder(self.session.id, name) / HISTORY
            entries = read_history(path).entries if path.exists() else []
        return {entry.body.file for entry in entries if isinstance(entry.body, Message) and entry.body.file}
