"""AGENTS.md around the turn in which an agent drafts it: what it was before lies in a file until that turn has ended.

Invariant: whatever kills the process, what the agent made of AGENTS.md is not taken for the project's. Who opens a
session next puts back what was there before; what lay there is kept beside, and what a person wrote since is left.
"""

import json
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from forkcli.core.ids import AgentId, SessionId, is_agent_id
from forkcli.engine.ports import Workspace
from forkcli.errors import ForkError
from forkcli.store.agent_files import HISTORY, folded, read_agent
from forkcli.store.files import read_private, replace_file, saving
from forkcli.store.lock import is_locked
from forkcli.store.scratch import Scratch

NAME = "AGENTS.md"
DRAFT = ".fork/notes/AGENTS.draft.md"
MOST_BYTES = 256 * 1024
JOURNAL = "agents-md.json"
MOST_JOURNAL = 16 * MOST_BYTES  # of its file: six bytes a character at worst
SETTLED_S = 2.0  # a file that is newer than the last sign of life by more was written by somebody else


@dataclass(frozen=True, slots=True)
class Before:
    """What AGENTS.md was before the turn: its text (None: there was none), and of a symbolic link where it leads."""

    text: str | None
    link: str | None
    mode: int | None

    @classmethod
    def of(cls, workspace: Workspace) -> "Before":
        path = workspace.root / NAME
        text, link = read_text(workspace, NAME), link_of(path)
        return cls(text, link, stat.S_IMODE(path.lstat().st_mode) if text is not None and link is None else None)

    def is_now(self, workspace: Workspace, text: str | None) -> bool:
        """Whether that is what lies there, with this text."""
        path = workspace.root / NAME
        return text == self.text and link_of(path) == self.link and os.path.lexists(path) == (self.text is not None)

    def put_back(self, workspace: Workspace) -> None:
        """Make it so again, whatever lies there: nothing is written through a link that was not there before."""
        path = workspace.root / NAME
        if link_of(path) != self.link or not path.is_file() or not path.stat().st_mode & 0o222 or self.text is None:
            clear(path)
            if self.link is not None:
                path.symlink_to(self.link)
        if self.text is not None:
            workspace.write(NAME, self.text.encode())
        if self.mode is not None:
            path.chmod(self.mode)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A drafting turn that has not ended: its session and agent, and what AGENTS.md was before."""

    session: SessionId
    agent: AgentId
    before: Before


def begin(scratch: Scratch, session: SessionId, agent: AgentId, before: Before) -> None:
    """Put on disk what AGENTS.md is before the agent drafts it. Raises ForkError(STORAGE)."""
    note = {"session": session, "agent": agent, **asdict(before)}
    replace_file(scratch.folder / JOURNAL, [json.dumps(note).encode()])


def end(scratch: Scratch) -> None:
    """The turn has ended, and AGENTS.md is as it was. Raises ForkError(STORAGE)."""
    with saving(scratch.folder / JOURNAL):
        (scratch.folder / JOURNAL).unlink(missing_ok=True)


def drafted_elsewhere(scratch: Scratch) -> int | None:
    """The process that has AGENTS.md drafted right now, 0 if it is not known; None if none but this one does."""
    cut = _cut(scratch)
    pid = is_locked(scratch.session_folder(cut.session)) if cut else None
    return None if pid == os.getpid() else pid


def mend(
    scratch: Scratch, workspace: Workspace, own: SessionId, keep: Callable[[], Path], tell: Callable[[str], None]
) -> None:
    """Put AGENTS.md right after a drafting turn that was cut off; `own` is the session that is being opened.

    What is replaced goes into a file that `keep` names; `tell` is told. It raises nothing.
    """
    cut = _cut(scratch)
    if cut is None or drafted_elsewhere(scratch) is not None:
        return
    try:
        said = [_mended(scratch, workspace, cut, keep)]
        if cut.session != own:  # who goes on with that session finds its draft where it was
            said.append(_taken_away(workspace, cut, keep))
        end(scratch)
    except ForkError as error:
        said = [f"{NAME} could not be put back: {error.sentence}"]
    if any(said):
        tell(f"`fork init` was cut off in session {cut.session}: {'; '.join(filter(None, said))}")


def _taken_away(workspace: Workspace, cut: _Cut, keep: Callable[[], Path]) -> str:
    """Where the draft is kept that it left among the notes; empty if it left none."""
    draft = found(workspace, DRAFT)
    said = isinstance(draft, str) and draft.strip() and draft != cut.before.text
    kept = f"its draft is {_kept(keep, draft, workspace)}" if said and isinstance(draft, str) else ""
    with saving(DRAFT):
        clear(workspace.root / DRAFT)
    return kept


def _mended(scratch: Scratch, workspace: Workspace, cut: _Cut, keep: Callable[[], Path]) -> str:
    """What was done; empty where AGENTS.md is as it was."""
    now, before = found(workspace, NAME), cut.before
    if before.is_now(workspace, now if isinstance(now, str) else None):
        return ""
    if _is_newer(scratch, cut, workspace.root / NAME):
        was = (
            f"what it was before is {_kept(keep, before.text, workspace)}"
            if before.text
            else "before it there was none"
        )
        return f"{NAME} has been changed since and is left as it is; {was}"
    lay = f"; what it left there is {_kept(keep, now, workspace)}" if isinstance(now, str) and now.strip() else ""
    with saving(NAME):
        before.put_back(workspace)
    return f"{NAME} is as it was before{lay}"


def _kept(keep: Callable[[], Path], text: str, workspace: Workspace) -> str:
    path = keep()
    replace_file(path, [text.encode()])
    return workspace.relative(str(path))


def _is_newer(scratch: Scratch, cut: _Cut, path: Path) -> bool:
    """Whether a file was written after that turn was cut off, as far as can be told: a call that ran could have."""
    folder = scratch.agent_folder(cut.session, cut.agent)
    with suppress(OSError, ForkError):
        if folded(folder, read_agent(folder)).open_calls:
            return False
        signs = [folder / HISTORY, *(folder / "outputs").glob("*")]
        return path.lstat().st_mtime > max(sign.lstat().st_mtime for sign in signs) + SETTLED_S
    return False


def _cut(scratch: Scratch) -> _Cut | None:
    """The drafting turn that has not ended, if its note is one of fork's own and its session too."""
    path = scratch.folder / JOURNAL
    try:
        note = json.loads(read_private(path, MOST_JOURNAL))
        if path.lstat().st_mode & 0o077:
            return None
        session, agent, text, link, mode = (note[key] for key in ("session", "agent", "text", "link", "mode"))
        scratch.check_session(SessionId(str(session)))
    except (OSError, ValueError, KeyError, TypeError, ForkError):
        return None
    if not is_agent_id(str(agent)) or not all(isinstance(one, str | None) for one in (text, link)):
        return None
    return _Cut(session, agent, Before(text, link, mode if isinstance(mode, int) else None))


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


def found(workspace: Workspace, path: str) -> str | ForkError | None:
    """The text there, or why there is something that is none: whatever the agent has put there."""
    try:
        return read_text(workspace, path)
    except ForkError as error:
        return error


def link_of(path: Path) -> str | None:
    """Where a symbolic link leads; None for anything else."""
    return str(path.readlink()) if path.is_symlink() else None


def clear(path: Path) -> None:
    """Remove what the agent made there; no link is followed. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
