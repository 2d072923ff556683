"""The scratch dir of a project, `.fork/`: makes it, finds its sessions, names its folders.

It holds the only copy of the histories: nothing here removes a file. A part of it that is a symbolic link, no folder,
or somebody else's is refused, not followed.
"""

import secrets
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from forkcli.core.ids import MAIN, TAIL_ALPHABET, AgentId, SessionId, is_agent_id, is_session_id, session_id
from forkcli.errors import ForkError
from forkcli.store.files import own_folder, read_private, replace_file, saving, sync_folder
from forkcli.store.layout import HISTORY

FOLDER = ".fork"
GITIGNORE = b"*\n!config.toml\n"
PROBE_BYTES = 16 * 1024  # what must fit on the disk before anything starts
_TITLE_BYTES = 4096
_TITLE_CHARS = 120


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """What a list of sessions shows, as far as it costs nothing: no history is read."""

    id: SessionId
    folder: Path
    title: str  # the first line of the first prompt, hostile to the terminal until sanitized
    created: datetime  # UTC, from its id
    updated: datetime  # UTC, when an agent last recorded something
    agents: int


class Scratch:
    """The scratch dir of `project`, an absolute path."""

    def __init__(self, project: Path) -> None:
        self.folder = project / FOLDER

    @property
    def notes(self) -> Path:
        """The agents' post-its, kept across sessions."""
        return self.folder / "notes"

    def ensure(self) -> None:
        """Make what is missing and try that it can be written to. Raises ForkError(STORAGE) before anything starts."""
        own_folder(self.folder)
        with saving(self.folder):
            if stat.S_IMODE(self.folder.stat().st_mode) & 0o077:
                self.folder.chmod(0o700)
        for folder in (self.notes, self._sessions):
            own_folder(folder)
        ignore = self.folder / ".gitignore"
        if ignore.is_symlink() or not ignore.exists():
            replace_file(ignore, [GITIGNORE])
        probe = self.folder / ".probe"
        try:
            replace_file(probe, [bytes(PROBE_BYTES)], durable=False)
        finally:
            with suppress(OSError):
                probe.unlink()

    # --- sessions -----------------------------------------------------------------------------------------------

    def new_session(
        self, now: Callable[[], datetime] = lambda: datetime.now(UTC), tail: Callable[[], str] | None = None
    ) -> SessionId:
        """Make the folder of a new session. `ensure` came before."""
        for _ in range(100):
            new = session_id(now().astimezone(UTC), tail() if tail else _random_tail())
            folder = self.session_folder(new)
            with saving(folder):
                try:
                    folder.mkdir(mode=0o700)
                except FileExistsError:
                    continue
                sync_folder(self._sessions)
            own_folder(folder / "agents")
            return new
        raise ForkError(f"no free name for a session is left in `{self._sessions}` for this minute")

    def sessions(self) -> list[SessionSummary]:
        """The sessions that have a history, newest first: by what was last recorded, then by id."""
        found = [summary for name in self._names() if (summary := self._summary(name))]
        return sorted(found, key=lambda summary: (summary.updated, summary.id), reverse=True)

    def newest(self) -> SessionId:
        """The session that something was last recorded in; one whose prompt never came is passed over.

        Raises ForkError if there is none.
        """
        found = self.sessions()
        if not found:
            raise ForkError(f"there is no session in `{self.folder}` yet", "start one with `fork`")
        return next((summary for summary in found if self.prompt_file(summary.id).exists()), found[0]).id

    def find(self, text: str) -> SessionId:
        """The session with this id, or with this unique prefix or suffix. Raises ForkError if there is not just one."""
        names = sorted(self._names())
        if text in names:
            return SessionId(text)
        found = [name for name in names if text and (name.startswith(text) or name.endswith(text))]
        if len(found) == 1:
            return found[0]
        if not found:
            known = _listed(reversed(names)) if names else "there are none in this project yet"
            raise ForkError(f"there is no session `{text}`", f"sessions: {known}" if names else known)
        raise ForkError(f"`{text}` could be any of {len(found)} sessions", f"one of: {_listed(reversed(found))}")

    def session_folder(self, session: SessionId) -> Path:
        """The folder of a session. Raises ForkError for a name that is no session id."""
        if not is_session_id(session):
            raise ForkError(f"`{session}` is no session id", "ids look like 20261122-0925-k3f; `fork ls` lists them")
        return self._sessions / session

    def check_session(self, session: SessionId) -> Path:
        """The folder of a session that is to be gone on with, once it is sure that fork made it here.

        A folder that others may look into came with the project (git keeps no private modes): its history could say
        anything, so it is not gone on with unasked. Raises ForkError.
        """
        folder = self.session_folder(session)
        own_folder(folder, make=False)
        with saving(folder):
            open_to_others = folder.stat().st_mode & 0o077
            modes_hold = not self.folder.stat().st_mode & 0o077
        if open_to_others and modes_hold:
            raise ForkError(
                f"session {session} was not made by fork here: its folder is open to other users",
                f"if it is yours: `chmod -R go= {folder}`",
            )
        return folder

    # --- agents -------------------------------------------------------------------------------------------------

    def agents(self, session: SessionId) -> list[AgentId]:
        """The agents of a session that have a history: `main` first, then in the order of their numbers."""
        return agent_names(self.session_folder(session))

    def agent_folder(self, session: SessionId, agent: AgentId) -> Path:
        """The folder of an agent. Raises ForkError for a name that is no agent id."""
        if not is_agent_id(agent):
            raise ForkError(f"`{agent}` is no agent id", "ids are main, f1, s2, …; `fork tree` lists them")
        return self.session_folder(session) / "agents" / agent

    # --- the prompt ---------------------------------------------------------------------------------------------

    def prompt_file(self, session: SessionId) -> Path:
        """The first prompt, verbatim."""
        return self.session_folder(session) / "prompt.md"

    def write_prompt(self, session: SessionId, parts: Iterable[bytes]) -> Path:
        """Keep the first prompt, byte for byte, whatever its size. Raises ForkError(STORAGE)."""
        path = self.prompt_file(session)
        replace_file(path, parts)
        return path

    # ------------------------------------------------------------------------------------------------------------

    @property
    def _sessions(self) -> Path:
        return self.folder / "sessions"

    def _names(self) -> list[SessionId]:
        """Sessions that have a history. Links are passed over: what they lead to is not this project's."""
        if self.folder.is_symlink() or self._sessions.is_symlink():
            return []
        try:
            items = [item for item in self._sessions.iterdir() if is_session_id(item.name)]
            names = [item.name for item in items if not item.is_symlink()]
        except OSError:
            return []
        return [SessionId(name) for name in names if self.agents(SessionId(name))]

    def _summary(self, name: SessionId) -> SessionSummary | None:
        folder = self.session_folder(name)
        histories = [folder / "agents" / agent / HISTORY for agent in self.agents(name)]
        try:
            updated = max(path.stat().st_mtime for path in histories if path.stat().st_size)
        except (OSError, ValueError):  # gone meanwhile, or nothing was ever recorded
            return None
        created = _created(name, updated)
        title = _title(self.prompt_file(name))
        return SessionSummary(name, folder, title, created, datetime.fromtimestamp(updated, UTC), len(histories))


def agent_names(session_folder: Path) -> list[AgentId]:
    """The agents in a session's folder that have a history, `main` first, then in the order of their numbers."""
    folder = session_folder / "agents"
    try:
        items = [] if folder.is_symlink() else [item for item in folder.iterdir() if not item.is_symlink()]
    except OSError:
        return []
    names = [item.name for item in items if is_agent_id(item.name) and (item / HISTORY).is_file()]
    return [AgentId(name) for name in sorted(names, key=lambda name: 0 if name == MAIN else int(name[1:]))]


def _created(name: str, updated: float) -> datetime:
    """The time that is in a session's name; a name can have the shape of an id and yet hold no date."""
    try:
        return datetime.strptime(name[:13], "%Y%m%d-%H%M").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(updated, UTC)


def _title(path: Path) -> str:
    try:
        lines = read_private(path, _TITLE_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:_TITLE_CHARS] for line in lines if line.strip()), "")


def _listed(names: Iterable[str], most: int = 10) -> str:
    shown = list(names)
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")


def _random_tail() -> str:
    return "".join(secrets.choice(TAIL_ALPHABET) for _ in range(3))
