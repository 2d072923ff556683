"""A scripted model: a loopback server that speaks the Messages API and answers what a script says.

For tests, for `fork demo`, and for anyone who wants to run fork without a model. It never leaves 127.0.0.1.
"""

from forkcli.models.scripted.cache import Cache
from forkcli.models.scripted.catalog import ModelInfo
from forkcli.models.scripted.faults import Fault
from forkcli.models.scripted.record import Recorded
from forkcli.models.scripted.script import Reply, call, fail, newest_text, reply, result_text, say, think
from forkcli.models.scripted.server import ScriptedServer

__all__ = [
    "Cache",
    "Fault",
    "ModelInfo",
    "Recorded",
    "Reply",
    "ScriptedServer",
    "call",
    "fail",
    "newest_text",
    "reply",
    "result_text",
    "say",
    "think",
]
