"""`fork show`: one agent from its files: what it is, its history, its context, the session's first prompt."""

import json
from pathlib import Path

from forkcli.commands.found import Found, find_session, read_found
from forkcli.core.entries import Prompt
from forkcli.core.history import History
from forkcli.core.ids import AgentId
from forkcli.core.messages import Json, text_of
from forkcli.core.views import AgentView, EntriesView, agent_row, answers_of
from forkcli.errors import ForkError
from forkcli.store.agent_files import REPORT, transcript_parts
from forkcli.store.codec import encode
from forkcli.store.files import read_text
from forkcli.store.scratch import Scratch
from forkcli.workspace.snapshots import Snapshots


def agent_view(found: Found) -> AgentView:
    """What an agent is and where it stands."""
    history = found.history
    said = (text_of(answer.content) for answer in reversed(answers_of(history)))
    return AgentView(
        session=found.session,
        row=agent_row(history, held=found.held, above=found.above),
        model=history.model,
        effort=history.effort,
        access=history.access,
        net=history.net,
        context_tokens=history.context_tokens(),
        folder=str(found.folder),
        prompt=_asked(history),
        answer=next((text for text in said if text), ""),
    )


def _asked(history: History) -> str:
    """What the agent was asked last: its own newest prompt, else the task it was made for, else what it inherited."""
    own = [entry.body.text for entry in history.entries.own if isinstance(entry.body, Prompt)]
    past = (entry.body.text for entry in reversed(history.entries) if isinstance(entry.body, Prompt))
    about = history.agent
    task = about.task if about is not None and about.kind != "abandoned" else ""  # that of one left behind is a title
    return own[-1] if own else task or next(past, "")


def history_view(found: Found) -> EntriesView:
    """All entries, as JSON objects without their checksums and as the transcript shows them."""
    entries = found.history.entries
    transcript = b"".join(transcript_parts(entries)).decode("utf-8", "replace")
    return EntriesView(tuple(_without_seal(json.loads(encode(entry))) for entry in entries), transcript)


def context_json(found: Found) -> Json:
    """The context as it would be sent: `{system, tools, messages}`."""
    context = found.history.context()
    messages = [{"role": message.role, "content": list(message.content)} for message in context.messages]
    return {"system": list(context.system), "tools": list(context.tools), "messages": messages}


def report_text(found: Found) -> str:
    """An agent's last report. Raises ForkError if it has not handed over one."""
    try:
        return read_text(found.folder / REPORT)
    except OSError:
        raise ForkError(f"{found.folder.name} has handed over no report", "`fork tree` shows how it stands") from None


def fork_diff(project: Path, session: str | None, agent: str) -> str:
    """What a child changed until its report, as a unified diff. Raises ForkError where that is not known."""
    about = read_found(project, session, agent).history.agent
    above = read_found(project, session, about.above if about else None).history
    order, report = above.forks.get(AgentId(agent)), above.reports.get(AgentId(agent))
    base = above.trees.get(order.from_seq) if order is not None else None
    if report is None:
        raise ForkError(f"{agent} has not reported yet", "`fork tree` shows how it stands")
    scratch = Scratch(project)
    return Snapshots(scratch.folder, project).diff(base, report.tree) if base and report.tree else ""


def first_prompt(project: Path, session: str | None) -> str:
    """The session's first prompt, verbatim but for bytes that are not UTF-8. Raises ForkError if it is not there."""
    path = Scratch(project).prompt_file(find_session(project, session))
    try:
        return read_text(path)
    except OSError as error:
        raise ForkError(f"cannot read {path} ({(error.strerror or str(error)).lower()})") from error


def _without_seal(record: Json) -> Json:
    record.pop("crc32", None)
    return record
