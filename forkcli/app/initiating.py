"""`fork init` and `/init`: the agent studies the project and drafts its AGENTS.md; it is written when a person agrees.

The draft is written where agents may write anyway. Invariant: AGENTS.md is as it was until `accept`, whatever the
agent did, and `accept` writes over nothing but what was compared.
"""

import asyncio
import os
import shutil
import stat
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from forkcli.app.asking import Source, prompt_entry
from forkcli.app.checking import demand
from forkcli.app.oneshot import run
from forkcli.app.session import Session
from forkcli.config import Settings
from forkcli.core.check_entries import Checks
from forkcli.core.decide import Finish
from forkcli.engine.loop import prompt_turn
from forkcli.engine.ports import Workspace
from forkcli.errors import ForkError
from forkcli.prompts import filled
from forkcli.store.data import Kept
from forkcli.store.files import replace_file, saving
from forkcli.tools.diffs import unified
from forkcli.workspace.base import open_workspace

NAME = "AGENTS.md"
DRAFT = ".fork/notes/AGENTS.draft.md"
MOST_BYTES = 256 * 1024

_NEW = "There is none yet."
_OLD = (
    "The draft holds the present one: improve it, do not replace it. Keep what is true, mend what is not, add what is "
    "missing, and leave the person's own words and rules as they are."
)


@dataclass(frozen=True, slots=True)
class Draft:
    """An AGENTS.md that was proposed: the text before (None: there was no file) and after, and where it is kept."""

    old: str | None
    new: str
    kept: Path  # among the session's outputs

    @property
    def diff(self) -> str:
        """What would change, as a unified diff; empty where nothing would."""
        return unified(self.old or "", self.new, NAME, created=self.old is None)


@dataclass(frozen=True, slots=True)
class Initiation:
    """What `fork init` came to: the exit code of its turn, and the draft if there is one."""

    code: int
    settings: Settings
    draft: Draft | None

    def accept(self) -> None:
        """Write the draft to the project. Raises ForkError."""
        workspace = open_workspace(self.settings.project, begin=False)
        try:
            if self.draft is not None:
                accept(workspace, self.draft)
        finally:
            asyncio.run(workspace.close())


def initiate(settings: Settings) -> Initiation:
    """Run the turn of `fork init`: what the agent says goes to standard error, since the diff is the output."""
    found: list[Draft] = []

    async def turn(session: Session, _data: Kept | None) -> Finish:
        end, draft = await propose(session, "argument")
        found.extend([draft] if draft else [])
        return end

    code = run(settings, None, turn=turn, out=sys.stderr)
    return Initiation(code, settings, found[0] if found else None)


async def propose(session: Session, source: Source) -> tuple[Finish, Draft | None]:
    """Run the turn in which the agent in focus drafts an AGENTS.md; None if it ended otherwise, or left no draft.

    Raises ForkError: the present file cannot be read, or this agent cannot write to the project.
    """
    workspace = session.rig.workspace
    if session.agent.history.access == "read":
        raise ForkError("with access `read` no draft can be written", "`--access write`, or `/access write`, allows it")
    if workspace is not session.around.workspace:
        raise ForkError(f"{session.agent.id} has files of its own", "`/go main` first: the project's are meant")
    before = _Before.of(workspace)
    old = before.text
    text = filled("init", draft=DRAFT, state=_NEW if old is None else _OLD)
    prompt = replace(prompt_entry(session, text, None, source), text="/init")
    workspace.write(DRAFT, (old or "").encode())
    demand(session, Checks())
    try:
        end = await prompt_turn(session.agent, session.rig, prompt)
    finally:
        new = _taken(workspace, before)
    if isinstance(new, ForkError):
        raise new
    if end.status != "done" or new is None:
        return end, None
    kept = session.files.new_output("AGENTS", ".md")
    replace_file(kept, [new.encode()])
    return end, Draft(old, new, kept)


def accept(workspace: Workspace, draft: Draft) -> None:
    """Write a draft to the project. Raises ForkError where AGENTS.md is not what it was compared with any more."""
    if read_text(workspace, NAME) != draft.old:
        raise ForkError(f"{NAME} has changed meanwhile, so nothing was written", f"the draft is {draft.kept}")
    workspace.write(NAME, draft.new.encode())


def read_text(workspace: Workspace, path: str) -> str | None:
    """A text file of the project; None where there is none. Raises ForkError for one that is no text, or too long."""
    if workspace.stat(path).kind == "absent":
        return None
    data = workspace.read(path, MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ForkError(f"{path} is longer than {MOST_BYTES // 1024} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ForkError(f"{path} is not text in UTF-8") from None


@dataclass(frozen=True, slots=True)
class _Before:
    """What AGENTS.md was before the turn: its text (None: there was none), and of a symbolic link where it leads."""

    text: str | None
    link: str | None
    mode: int | None

    @classmethod
    def of(cls, workspace: Workspace) -> "_Before":
        path = workspace.root / NAME
        text, link = read_text(workspace, NAME), _link(path)
        return cls(text, link, stat.S_IMODE(path.lstat().st_mode) if text is not None and link is None else None)

    def is_now(self, workspace: Workspace, text: str | None) -> bool:
        """Whether that is what lies there, with this text."""
        path = workspace.root / NAME
        return text == self.text and _link(path) == self.link and os.path.lexists(path) == (self.text is not None)

    def put_back(self, workspace: Workspace) -> None:
        """Make it so again, whatever lies there: nothing is written through a link that was not there before."""
        path = workspace.root / NAME
        if _link(path) != self.link or not path.is_file() or not path.stat().st_mode & 0o222 or self.text is None:
            _clear(path)
            if self.link is not None:
                path.symlink_to(self.link)
        if self.text is not None:
            workspace.write(NAME, self.text.encode())
        if self.mode is not None:
            path.chmod(self.mode)


def _taken(workspace: Workspace, before: _Before) -> str | ForkError | None:
    """The draft, which is taken away; None where the agent has written none, an error where it cannot be read.

    What it wrote to AGENTS.md itself counts as its draft, and AGENTS.md is put back.
    """
    draft, now, old = _found(workspace, DRAFT), _found(workspace, NAME), before.text
    with saving(NAME):
        _clear(workspace.root / DRAFT)
        if not before.is_now(workspace, now if isinstance(now, str) else None):
            before.put_back(workspace)
            if draft in {None, old or ""}:
                draft = now
    if not isinstance(draft, str):
        return draft
    if not draft.strip():
        return None
    return draft if draft == old or draft.endswith("\n") else draft + "\n"


def _found(workspace: Workspace, path: str) -> str | ForkError | None:
    """The text there, or why there is something that is none: whatever the agent has put there."""
    try:
        return read_text(workspace, path)
    except ForkError as error:
        return error


def _link(path: Path) -> str | None:
    return str(path.readlink()) if path.is_symlink() else None


def _clear(path: Path) -> None:
    """Remove what the agent made there; no link is followed. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
