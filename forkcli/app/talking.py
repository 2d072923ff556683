"""What the person says to agents apart from prompts: `/tell` leaves a message, `/ask` has a fork of an agent answer."""

from forkcli.app.driver import ReplDriver
from forkcli.app.session import Session
from forkcli.core.asked import USER
from forkcli.core.ids import AgentId
from forkcli.errors import ForkError, Kind
from forkcli.store.agent_files import INBOX
from forkcli.store.inbox import put_message
from forkcli.ui.ports import Lines, Shown


async def tell(driver: ReplDriver, rest: str) -> Shown:
    """`/tell AGENT TEXT`."""
    session = await driver.open()
    name, _, text = rest.partition(" ")
    known = session.post.known()
    if not text.strip():
        raise ForkError("`/tell` takes an agent and a text", "/tree lists the agents", kind=Kind.USAGE)
    if name not in known:
        raise ForkError(f"there is no agent {name!r} in this session", f"its agents: {', '.join(known)}")
    put_message(session.around.scratch.agent_folder(session.id, AgentId(name)) / INBOX, USER, text.strip())
    return Lines(session.post.when_read(AgentId(name)))


async def ask(driver: ReplDriver, rest: str) -> Shown:
    """`/ask [AGENT] QUESTION`: what the fork says is shown while it comes; the agent itself is untouched."""
    session = await driver.open()
    name, question = _asked(session, rest)
    if not question:
        raise ForkError("`/ask` takes a question", "with an agent's id before it, that agent", kind=Kind.USAGE)
    fork, _ = await session.answering.ask(name, question)
    return Lines(f"{name} knows nothing of it; /go {fork} goes on with the fork that answered.")


def _asked(session: Session, rest: str) -> tuple[AgentId, str]:
    """Who is asked what: the agent in focus, unless the first word names another."""
    first, _, more = rest.strip().partition(" ")
    if first in session.post.known():
        return AgentId(first), more.strip()
    return session.agent.id, rest.strip()
