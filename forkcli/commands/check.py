"""`fork check`: proves a session's files, every line and every context. It only reads."""

from pathlib import Path

from forkcli.commands.found import find_session
from forkcli.core.views import CheckView, FindingView
from forkcli.store.check import check_session
from forkcli.store.scratch import Scratch


def check(project: Path, session: str | None) -> CheckView:
    """What is wrong with the named session, else with the newest one."""
    scratch = Scratch(project)
    found = find_session(project, session)
    findings = tuple(
        FindingView(one.agent, one.severity, one.sentence) for one in check_session(scratch.session_folder(found))
    )
    ok = all(one.severity != "error" for one in findings)
    return CheckView(found, ok, len(scratch.agents(found)), findings)
