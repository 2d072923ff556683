"""Builds a prompt's entry: the words, the data they are about, and, the first time, where the agent is."""

from collections.abc import Iterable
from typing import Literal

from forkcli.app.session import Session
from forkcli.app.where import Place, where
from forkcli.core.entries import Notice, Prompt
from forkcli.core.first import ProjectFile, first_blocks
from forkcli.core.ids import MAIN
from forkcli.core.messages import Block, quoted, text_block
from forkcli.core.rewinding import line
from forkcli.errors import ForkError, Kind
from forkcli.store.data import DATA_LIMIT, Kept, data_block, keep_data, kept_chunks, prompt_bytes, shortened
from forkcli.workspace.project import project_context

Source = Literal["repl", "argument", "pipe"]

_PERSON = {
    True: "The person is at the terminal: they can answer and approve.",
    False: "This run is one-shot: nobody is there to answer or to approve.",
}


def prompt_entry(
    session: Session, text: str | None, kept: Kept | None, source: Source, attached: Iterable[Block] = ()
) -> Prompt:
    """The entry of a prompt; keeps what is too long for the context in a file, and the first prompt verbatim.

    Piped data without `text` is the prompt itself. Raises ForkError: nothing to ask, or it could not be kept.
    """
    if text is None and (kept is None or not kept.head.strip()):
        raise ForkError("there is no prompt: standard input is empty", kind=Kind.USAGE)
    first = not session.agent.history.was_asked
    if not first:
        _tell_who_is_there(session, source)
        _tell_whose_files(session)
    else:
        session.around.scratch.write_prompt(session.id, _verbatim(text, kept))
    blocks, files = _blocks(session, text, kept)
    said = _readable(text) if text is not None else kept.head.decode("utf-8", "replace") if kept else ""
    blocks = [*blocks, *attached]
    if first:
        files_of_project = _project_files(session)
        return Prompt(said, first_blocks(_where(session, source), files_of_project, blocks), source, files)
    return Prompt(said, tuple(blocks), source, files)


def _blocks(session: Session, text: str | None, kept: Kept | None) -> tuple[list[Block], tuple[str, ...]]:
    project = session.around.settings.project
    blocks: list[Block] = []
    files: list[str] = []
    if kept is not None:
        if kept.path:
            files.append(str(kept.path.relative_to(project)))
        told = data_block(kept, project) if text is not None else quoted(shortened(kept, project))
        blocks.append(text_block(told))
    if text is not None:
        raw = prompt_bytes(text)
        if len(raw) > DATA_LIMIT:
            long = keep_data([raw], session.files.new_output("prompt"))
            if long.path:
                files.append(str(long.path.relative_to(project)))
            blocks.append(text_block(quoted(shortened(long, project))))
        else:
            blocks.append(text_block(quoted(_readable(text))))
    return blocks, tuple(files)


def _readable(text: str) -> str:
    """Undecodable bytes of an argument are replaced; prompt.md keeps them."""
    return prompt_bytes(text).decode("utf-8", "replace")


def _verbatim(text: str | None, kept: Kept | None) -> Iterable[bytes]:
    if text is not None:
        yield prompt_bytes(text)
    if text is not None and kept is not None and kept.size:
        yield b"\n\n"
    if kept is not None:
        yield from kept_chunks(kept)


def _tell_who_is_there(session: Session, source: Source) -> None:
    """A session goes from a terminal to a pipe and back: the model has to know whether anyone can answer it."""
    prompts = (entry.body for entry in reversed(session.agent.history.entries) if isinstance(entry.body, Prompt))
    if (next(one.source for one in prompts if one.source != "report") == "repl") != (source == "repl"):
        session.agent.record(Notice(f"From now on: {_PERSON[source == 'repl']}"))


def _tell_whose_files(session: Session) -> None:
    """An agent whose own copy of the files has been merged writes in its parent's now, at once and for all to see."""
    owner = session.guests.get(session.agent.id)
    if owner is None:
        return
    whose = "the project itself" if owner == MAIN else f"the files of {owner}"
    told = Notice(
        f"The copy of the project that was yours has been brought back to {owner}. From now on you work in {whose}: "
        "what you write is there at once, and nothing is merged any more."
    )
    if told not in (entry.body for entry in line(session.agent.history)):
        session.agent.record(told)


def _where(session: Session, source: Source) -> str:
    settings, history = session.around.settings, session.agent.history
    place = Place(
        agent=session.agent.id,
        cwd=history.cwd or str(settings.cwd),
        access=history.access,
        net=history.net,
        person=_PERSON[source == "repl"],
        folder=session.files.folder,
        prompt=session.prompt_file,
        notes=session.around.scratch.notes,
    )
    return where(settings, place)


def _project_files(session: Session) -> list[ProjectFile]:
    settings = session.around.settings
    return list(project_context(settings.project, settings.cwd, settings.config_dir))
