"""Names of sessions, agents and entries. `main` is the root agent; `f1`, `s2`, … share one counter of the session."""

import re
from datetime import datetime
from typing import NewType

SessionId = NewType("SessionId", str)
AgentId = NewType("AgentId", str)
Seq = NewType("Seq", int)
CallId = NewType("CallId", str)

MAIN = AgentId("main")

_SESSION = re.compile(r"\d{8}-\d{4}-[a-z0-9]{3,8}")
_AGENT = re.compile(r"main|[fs][1-9]\d{0,5}")
TAIL_ALPHABET = "0123456789abcdefghijkmnpqrstuvwxyz"


def session_id(now: datetime, tail: str) -> SessionId:
    """A sortable id from a UTC time and a short random tail, e.g. `20261122-0925-k3f`."""
    return SessionId(f"{now:%Y%m%d-%H%M}-{tail}")


def is_session_id(text: str) -> bool:
    """Whether `text` has the shape of a session id, so that it is safe as a folder's name."""
    return _SESSION.fullmatch(text) is not None


def is_agent_id(text: str) -> bool:
    """Whether `text` has the shape of an agent id, so that it is safe as a folder's name."""
    return _AGENT.fullmatch(text) is not None
