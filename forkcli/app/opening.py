"""Opens the session that the flags name, with the focus on the agent that they name, or on a new fork of it."""

from forkcli.app.crew import Surroundings
from forkcli.app.family import fork_conversation, go
from forkcli.app.session import Session, fork_of_held, resume_session
from forkcli.core.ids import MAIN, AgentId, Seq, SessionId
from forkcli.store.lock import HeldError


def named_session(around: Surroundings) -> Session | None:
    """The session of `-r` or `-c`; None if the flags name none. Raises ForkError.

    One that another process holds can be gone on with in a fork alone (`--fork`).
    """
    settings = around.settings
    if settings.resume is not None:
        name = around.scratch.find(settings.resume)
    elif settings.continue_:
        name = around.scratch.newest()
    else:
        return None
    at = Seq(settings.at) if settings.at is not None else None
    try:
        return _held_here(around, name, at)
    except HeldError:
        if not settings.fork:
            raise
        return fork_of_held(around, name, AgentId(settings.agent or MAIN), at)


def _held_here(around: Surroundings, name: SessionId, at: Seq | None) -> Session:
    """The session, held by this process."""
    session = resume_session(around, name)
    try:
        if around.settings.agent is not None:
            go(session, around.settings.agent)
        if around.settings.fork:
            fork_conversation(session, at)
    except BaseException:
        session.let_go()
        raise
    return session
