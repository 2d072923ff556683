"""One line after a command's output: how it ended, and what to do when it was the sandbox that stood in its way."""

import re
import signal

from forkcli.core.entries import Access
from forkcli.tools.permit import NOBODY, Permit

_LOOKED_AT = 4000  # characters at the end of the output of a command that failed
_LOOKED_AT_PASSED = 500  # of one that did not: in `cmd | tail` the failure is tail's success
_READ_ONLY = re.compile(r"read-only file system|\bEROFS\b", re.IGNORECASE)
_GIT_REFUSED = re.compile(
    r"^.*\.git\b.*(?:operation not permitted|permission denied|device or resource busy)", re.IGNORECASE | re.MULTILINE
)
_NO_NETWORK = re.compile(
    r"network is unreachable|could not resolve (?:host|proxy)|temporary failure in name resolution|name or service not "
    r"known|temporary failure resolving|failed to lookup address|\bE(?:AI_AGAIN|NETUNREACH|NOTFOUND)\b|nodename nor "
    r"servname|no such host|unable to resolve|dns error",
    re.IGNORECASE,
)


def exit_note(code: int | None) -> str:
    """`[exit 1]`, with the signal's name where it was one; nothing for 0."""
    if code == 0:
        return ""
    if code is None:
        return "[killed]"
    number = -code if code < 0 else code - 128
    names = {int(one): one.name for one in signal.Signals}
    if number in names and (code < 0 or code > 128):
        return f"[exit {code}: {names[number]}]"
    return f"[exit {code}]"


def sandbox_hint(output: str, code: int | None, allowed: Permit, access: Access, *, attended: bool) -> str:
    """How to ask for what the sandbox refused; empty when it refused nothing (as far as the output tells)."""
    if not allowed.sandboxed:
        return ""
    end = output[-(_LOOKED_AT if code else _LOOKED_AT_PASSED) :]
    if _READ_ONLY.search(end) or _GIT_REFUSED.search(end):
        if access == "read":
            return "[sandbox: your access is `read`: only `.fork/notes/` and /tmp can be written]"
        ask = "if it has to be, repeat the call with `why` to ask the user to run it outside"
        return (
            "[sandbox: only the project (not its `.git` and `.fork`) and /tmp can be written; "
            f"{ask if attended else NOBODY}]"
        )
    if not allowed.net and _NO_NETWORK.search(end):
        ask = "if it is needed, repeat the call with `net: true` and `why`"
        return f"[sandbox: there is no network; {ask if attended else NOBODY}]"
    return ""
