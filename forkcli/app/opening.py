"""Opens the session that the flags name, with the focus on the agent that they name, or on a new fork of it."""

from forkcli.app.crew import Surroundings
from forkcli.app.family import fork_conversation, go
from forkcli.app.session import Session, resume_session
from forkcli.core.ids import Seq


def named_session(around: Surroundings) -> Session | None:
    """The session of `-r` or `-c`; None if the flags name none. Raises ForkError."""
    settings = around.settings
    if settings.resume is not None:
        session = resume_session(around, around.scratch.find(settings.resume))
    elif settings.continue_:
        session = resume_session(around, around.scratch.newest())
    else:
        return None
    try:
        if settings.agent is not None:
            go(session, settings.agent)
        if settings.fork:
            fork_conversation(session, Seq(settings.at) if settings.at is not None else None)
    except BaseException:
        session.lock.release()
        raise
    return session
