"""Subcommands on the shell: call the verb, print what it returned as text or as JSON, say how it went by the exit code.

No verb's logic stands here, and nothing but the wanted data goes to stdout.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from forkcli.config import Settings
from forkcli.config_file import at_least
from forkcli.core.views import as_json
from forkcli.errors import ForkError, Kind
from forkcli.ui import tables
from forkcli.ui.figures import count
from forkcli.ui.jsontext import json_text
from forkcli.ui.sanitize import one_line, sanitize

if TYPE_CHECKING:
    from forkcli.app.abandoning import Files
    from forkcli.app.backward import Back

OK, FAILED = 0, 1
LONGEST_NOTE = 2000
STDIN_LIMIT = 4 << 20  # bytes of a message that is read from standard input


def ls(settings: Settings, *, json: bool, limit: str | None) -> int:
    """List the sessions."""
    from forkcli.commands.ls import list_sessions

    rows = list_sessions(settings.project, at_least("--limit", limit, 1))
    return _print(rows, json, lambda width: tables.sessions(rows, width))


def tree(settings: Settings, session: str | None, *, json: bool) -> int:
    """Show the agents of a session."""
    from forkcli.commands.tree import session_tree

    view = session_tree(settings.project, session)
    return _print(view, json, lambda width: tables.tree(view, width))


def show(settings: Settings, session: str | None, agent: str | None, part: str, *, json: bool) -> int:
    """Show an agent, or one part of what is kept of it."""
    from forkcli.commands import show as verb
    from forkcli.commands.found import read_found

    if part == "prompt":
        text = verb.first_prompt(settings.project, session)
        return _print({"prompt": text}, json, lambda _width: sanitize(_ended(text)))
    found = read_found(settings.project, session, agent)
    for damage in found.damage:
        sys.stderr.write(one_line(f"warning: line {damage.line_no} of the history: {damage.reason}", 500) + "\n")
    if part == "report":
        report = verb.report_text(found)
        return _print({"report": report}, json, lambda _width: sanitize(_ended(report)))
    if part == "history":
        view = verb.history_view(found)
        return _print(view.entries, json, lambda _width: sanitize(_ended(view.transcript)))
    if part == "context":
        context = verb.context_json(found)
        return _print(context, json, lambda _width: tables.context(context))
    card = verb.agent_view(found)
    if json:
        record = as_json(card)
        return _print({**record.pop("row"), **record}, json, str)
    return _print(card, json, lambda width: tables.agent(card, width))


def diff(settings: Settings, session: str | None, agent: str | None, *, json: bool) -> int:
    """Show what a fork changed; for the root agent, what differs from the last commit."""
    import asyncio

    from forkcli.commands.show import fork_diff
    from forkcli.workspace.git import diff as verb

    forked = agent is not None and agent != "main"
    text = fork_diff(settings.project, session, str(agent)) if forked else asyncio.run(verb(settings.project))
    return _print({"diff": text}, json, lambda _width: sanitize(_ended(text)) if text.strip() else "no changes\n")


def tell(settings: Settings, session: str | None, agent: str, text: str, *, json: bool) -> int:
    """Leave a message for an agent."""
    from forkcli.commands.tell import tell as verb

    if text == "-":
        text = sys.stdin.buffer.read(STDIN_LIMIT).decode("utf-8", "replace")
    view = verb(settings.project, session, agent, text)
    when = "at its next step" if view.running else "when the session goes on (`fork -c`)"
    return _print(view, json, lambda _width: f"{view.agent} of session {view.session} reads it {when}\n")


def rewind(
    settings: Settings, session: str | None, agent: str | None, number: str, *, files: str, yes: bool, json: bool
) -> int:
    """Take an agent back."""
    from forkcli.app.backward import rewind as verb

    return _back(verb(settings, session, agent, number, files=_files(files), replace_edited=yes), json)


def report(
    settings: Settings, session: str | None, agent: str | None, number: str, text: str, *, files: str, json: bool
) -> int:
    """Take an agent back, with a report."""
    from forkcli.app.backward import report as verb

    return _back(verb(settings, session, agent, number, text, files=_files(files)), json)


def _back(back: "Back", json: bool) -> int:
    """The number that takes it back on stdout, the rest beside it."""
    sys.stderr.write(one_line(back.note, LONGEST_NOTE) + "\n")
    return _print(back, json, lambda _width: f"{back.undo}\n")


def _files(word: str) -> "Files":
    match word:
        case "keep" | "restore":
            return word
    raise ForkError(f"--files takes keep or restore, not {word!r}", kind=Kind.USAGE)


def check(settings: Settings, session: str | None, *, json: bool) -> int:
    """Prove a session's files."""
    from forkcli.commands.check import check as verb

    view = verb(settings.project, session)
    _print(view, json, lambda _width: tables.check(view))
    return OK if view.ok else FAILED


def doctor(settings: Settings, *, json: bool) -> int:
    """Say what works here."""
    import os

    from forkcli.commands.doctor import examine

    view = examine(settings, os.environ)
    _print(view, json, lambda width: tables.health(view, width))
    return OK if view.ok else FAILED


def init(settings: Settings, *, yes: bool, json: bool) -> int:
    """Let an agent draft AGENTS.md; show the difference, and write it when the person agrees."""
    from forkcli.app import run_init

    done = run_init(settings)
    draft = done.draft
    if draft is None:
        if not done.code:
            raise ForkError("the agent has written no draft", "`fork show` tells what it did; `fork init` tries again")
        return done.code
    diff = draft.diff
    if diff and not json:
        sys.stdout.write(sanitize(_ended(diff)))
        sys.stdout.flush()
    asked = not (yes or json) and sys.stdin.isatty() and sys.stderr.isatty()
    written = bool(diff) and (yes or (asked and _agreed("write AGENTS.md?")))
    if written:
        done.accept()
    kept = str(draft.kept.relative_to(settings.project))
    if json:
        return _print({"path": "AGENTS.md", "diff": diff, "written": written, "draft": kept}, json, str)
    if not diff:
        said = "AGENTS.md stays as it is: the agent found nothing to change"
    else:
        said = "AGENTS.md is written" if written else f"nothing was written; the draft is {kept}"
    hint = "" if written or asked or not diff else " (--yes writes it)"
    sys.stderr.write(said + hint + "\n")
    return OK


def clean(
    settings: Settings,
    session: str | None,
    *,
    older_than: str | None,
    keep: str | None,
    yes: bool,
    json: bool,
) -> int:
    """Remove sessions, after asking."""
    from forkcli.commands.clean import leftovers, remove

    if session is not None and (older_than is not None or keep is not None):
        raise ForkError("--session names one session; --older-than and --keep choose among all", kind=Kind.USAGE)
    if yes and session is None and older_than is None and keep is None:
        raise ForkError(
            "--yes alone would remove every session",
            "say which: --older-than DAYS, --keep N, or --session SESSION",
            kind=Kind.USAGE,
        )
    view = leftovers(
        settings.project,
        session=session,
        older_than_days=at_least("--older-than", older_than, 0),
        keep=at_least("--keep", keep, 0),
    )
    if view.sessions and not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            if json:
                _print(view, json, str)
            else:
                sys.stderr.write(tables.leftovers(view, None))
            raise ForkError("nothing was removed, since nobody can be asked here", "add --yes", kind=Kind.USAGE)
        sys.stderr.write(tables.leftovers(view, tables.width_of(sys.stdout)))
        if not _agreed(f"remove {count(len(view.sessions), 'session')}, {tables.size(view.size)}, for good?"):
            sys.stderr.write("nothing was removed\n")
            return OK
    done = remove(settings.project, view)
    return _print(done, json, lambda width: tables.removed(done, width))


def _agreed(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _print(value: Any, json: bool, text: Callable[[int | None], str]) -> int:
    if json:
        sys.stdout.write(json_text(as_json(value), indent=2, encoding=sys.stdout.encoding) + "\n")
    else:
        sys.stdout.write(text(tables.width_of(sys.stdout)))
    return OK


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
