"""What the person says to agents apart from prompts: `/tell` leaves a message, `/ask` has a fork of an agent answer."""

from forkcli.app.driver import ReplDriver, session_of
from forkcli.app.family import unknown_agent
from forkcli.app.session import Session
from forkcli.core.asked import USER
from forkcli.core.ids import AgentId, is_agent_id
from forkcli.errors import ForkError, Kind
from forkcli.store.agent_files import INBOX
from forkcli.store.inbox import put_message
from forkcli.ui.ports import Lines, Shown

ASKING = "/ask {agent} has a fork of it answer."
_NO_QUESTION = ("`/ask` takes a question", "with an agent's id before it, that agent")


async def tell(driver: ReplDriver, rest: str) -> Shown:
    """`/tell AGENT TEXT`."""
    name, text = first_word(rest)
    if not text.strip():
        raise ForkError("`/tell` takes an agent and a text", "/tree lists the agents", kind=Kind.USAGE)
    session = session_of(driver)
    known = session.post.known()
    if name not in known:
        raise unknown_agent(name, known)
    put_message(session.around.scratch.agent_folder(session.id, AgentId(name)) / INBOX, USER, text.strip())
    return Lines(session.post.when_read(AgentId(name), ASKING))


async def ask(driver: ReplDriver, rest: str) -> Shown:
    """`/ask [AGENT] QUESTION`: what the fork says is shown while it comes; the agent itself is untouched."""
    if not rest.strip():
        raise ForkError(*_NO_QUESTION, kind=Kind.USAGE)
    session = session_of(driver)
    name, question = _asked(session, rest)
    if not question:
        raise ForkError(*_NO_QUESTION, kind=Kind.USAGE)
    fork, _ = await session.answering.ask(name, question)
    return Lines(f"{name} knows nothing of it; /go {fork} goes on with the fork that answered.")


def _asked(session: Session, rest: str) -> tuple[AgentId, str]:
    """Who is asked what: the agent in focus, unless the first word names another."""
    first, more = first_word(rest)
    if first in session.post.known():
        return AgentId(first), more
    if is_agent_id(first):
        raise unknown_agent(first, session.post.known())
    return session.agent.id, rest.strip()


def first_word(text: str) -> tuple[str, str]:
    """The first word, and what follows it; lines end words too."""
    first, *more = text.split(maxsplit=1) or [""]
    return first, more[0].strip() if more else ""
