"""`fork tell`: leave a message for an agent: a file in its inbox, whole or not there, also while the agent runs."""

from pathlib import Path

from forkcli.commands.found import find_agent, find_session
from forkcli.core.ids import AgentId
from forkcli.core.views import ToldView
from forkcli.errors import ForkError, Kind
from forkcli.store.inbox import MESSAGE_LIMIT, put_message
from forkcli.store.lock import is_locked
from forkcli.store.scratch import Scratch


def tell(project: Path, session: str | None, agent: str, text: str) -> ToldView:
    """Leave `text` from the user. Raises ForkError: no such agent, nothing to say, too long, or not saved."""
    if not text.strip():
        raise ForkError("the message is empty", kind=Kind.USAGE)
    if len(text.encode(errors="replace")) > MESSAGE_LIMIT:
        limit = MESSAGE_LIMIT >> 20
        raise ForkError(f"the message is longer than {limit} MiB", "name a file in it instead", kind=Kind.USAGE)
    found = find_session(project, session)
    folder = find_agent(project, found, agent)
    file = put_message(folder / "inbox", "user", text)
    running = is_locked(Scratch(project).session_folder(found)) is not None
    return ToldView(found, AgentId(agent), str(file), running)
