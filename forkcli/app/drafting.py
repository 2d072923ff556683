"""The turn in which an agent drafts AGENTS.md, and what comes of it: a draft that a person can take.

The draft is written where agents may write anyway. Invariant: AGENTS.md is as it was until `accept`, whatever the
agent did, and `accept` writes over nothing but what was compared.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from forkcli.app import agents_md
from forkcli.app.agents_md import DRAFT, NAME, Before, clear, found, read_text
from forkcli.app.asking import Source, prompt_entry
from forkcli.app.checking import demand
from forkcli.app.session import Session
from forkcli.core.check_entries import Checks
from forkcli.core.decide import Finish
from forkcli.core.entries import Prompt
from forkcli.core.events import Warned
from forkcli.core.history import History
from forkcli.engine.loop import prompt_turn, resume_turn
from forkcli.engine.ports import Workspace
from forkcli.errors import ForkError
from forkcli.prompts import filled
from forkcli.store.files import read_private, replace_file, saving
from forkcli.tools.diffs import unified

ORDER = "/init"  # the prompt that such a turn is listed with
KEPT = ("AGENTS", ".md")  # how the files among the outputs are named that hold drafts
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


async def propose(session: Session, source: Source) -> tuple[Finish, Draft | None]:
    """Run the turn in which the agent in focus drafts an AGENTS.md; None if it ended otherwise, or left no draft.

    Raises ForkError: the present file cannot be read, this agent cannot write to the project, or one is drafted now.
    """
    workspace = session.rig.workspace
    if session.agent.history.access == "read":
        raise ForkError("with access `read` no draft can be written", "`--access write`, or `/access write`, allows it")
    if workspace is not session.around.workspace:
        raise ForkError(f"{session.agent.id} has files of its own", "`/go main` first: the project's are meant")
    pid = agents_md.drafted_elsewhere(session.around.scratch)
    if pid is not None:
        raise ForkError(
            f"{NAME} is being drafted by process {pid or '(unknown)'}", "wait until it has ended, or end it"
        )
    before = Before.of(workspace)
    text = filled("init", draft=DRAFT, state=_NEW if before.text is None else _OLD)
    prompt = replace(prompt_entry(session, text, None, source), text=ORDER)
    demand(session, Checks())
    agents_md.begin(session.around.scratch, session.id, session.agent.id, before)
    workspace.write(DRAFT, (before.text or "").encode())
    return await _guarded(session, before, prompt_turn(session.agent, session.rig, prompt))


async def go_on(session: Session, version: str) -> Finish:
    """Finish a turn that was cut off. Of one that drafts AGENTS.md the draft is kept, and nobody is asked."""
    workspace = session.rig.workspace
    if not _is_drafting(session.agent.history) or workspace is not session.around.workspace:
        return await resume_turn(session.agent, session.rig, version)
    before = Before.of(workspace)
    agents_md.begin(session.around.scratch, session.id, session.agent.id, before)
    if workspace.stat(DRAFT).kind == "absent":
        workspace.write(DRAFT, _so_far(session) or (before.text or "").encode())
    end, draft = await _guarded(session, before, resume_turn(session.agent, session.rig, version))
    if draft is not None and draft.diff:
        kept = workspace.relative(str(draft.kept))
        told = f"{NAME} is not written: the draft is {kept}; `fork init` drafts anew, shows the difference and asks"
        session.agent.emit(Warned(session.agent.id, told))
    return end


async def _guarded(session: Session, before: Before, turn: Coroutine[Any, Any, Finish]) -> tuple[Finish, Draft | None]:
    """How the turn ended and the draft that it left; AGENTS.md is then as it was. Raises ForkError."""
    try:
        end = await turn
    finally:
        new = _taken(session, before)
        agents_md.end(session.around.scratch)
    if isinstance(new, ForkError):
        raise new
    if new is None:
        return end, None
    kept = _kept(session, new)
    return end, Draft(before.text, new, kept) if end.status == "done" else None


def _is_drafting(history: History) -> bool:
    """Whether the newest prompt is the order to draft AGENTS.md."""
    prompts = (entry.body for entry in reversed(history.entries.own) if isinstance(entry.body, Prompt))
    newest = next(prompts, None)
    return newest is not None and newest.text == ORDER and DRAFT in str(newest.blocks)


def accept(workspace: Workspace, draft: Draft) -> None:
    """Write a draft to the project. Raises ForkError where AGENTS.md is not what it was compared with any more."""
    if read_text(workspace, NAME) != draft.old:
        raise ForkError(f"{NAME} has changed meanwhile, so nothing was written", f"the draft is {draft.kept}")
    workspace.write(NAME, draft.new.encode())


def _taken(session: Session, before: Before) -> str | ForkError | None:
    """The draft, which is taken away; None where the agent has written none, an error where it cannot be read.

    What it wrote to AGENTS.md itself counts as its draft, and AGENTS.md is put back. What lies there beside another
    draft may be a person's: it is kept.
    """
    workspace = session.rig.workspace
    draft, now, old = found(workspace, DRAFT), found(workspace, NAME), before.text
    with saving(NAME):
        clear(workspace.root / DRAFT)
        if not before.is_now(workspace, now if isinstance(now, str) else None):
            if draft in {None, old or ""}:
                draft = now
            elif isinstance(now, str) and now.strip() and now != draft:
                kept = workspace.relative(str(_kept(session, now)))
                session.agent.emit(Warned(session.agent.id, f"{NAME} is as it was before; what lay there is {kept}"))
            before.put_back(workspace)
    if not isinstance(draft, str):
        return draft
    if not draft.strip():
        return None
    return draft if draft == old or draft.endswith("\n") else draft + "\n"


def _kept(session: Session, text: str) -> Path:
    path = session.files.new_output(*KEPT)
    replace_file(path, [text.encode()])
    return path


def _so_far(session: Session) -> bytes:
    """The draft that a turn which did not end has left; empty if it left none."""
    kept = sorted((session.files.folder / "outputs").glob(f"*-{''.join(KEPT)}"))
    return read_private(kept[-1]) if kept else b""
