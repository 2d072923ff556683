"""The block that an agent's first message begins with: where it is, what it may touch, where its files are."""

import os
import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from forkcli.config import Settings
from forkcli.core.entries import Access
from forkcli.core.first import access_told
from forkcli.core.ids import AgentId
from forkcli.core.messages import quoted
from forkcli.prompts import filled
from forkcli.workspace.git import quick_state

_NOTES_NAMED = 10
_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """What is said of one agent. Paths are absolute; `person` says who can answer it."""

    agent: AgentId
    cwd: str
    access: Access
    net: bool
    person: str
    folder: Path
    prompt: Path
    notes: Path


def where(settings: Settings, place: Place) -> str:
    """The block's text."""
    project = settings.project

    def shown(path: Path) -> str:
        return str(path.relative_to(project))

    return filled(
        "session",
        agent=place.agent,
        date=datetime.now().astimezone().strftime("%Y-%m-%d"),
        project=quoted(str(project)),
        platform=f"{platform.system()} {platform.machine()}",
        cwd=quoted(place.cwd),
        access=access_told(place.access, net=place.net),
        person=place.person,
        git=quoted(quick_state(project)),
        folder=shown(place.folder),
        prompt=shown(place.prompt),
        notes=quoted(f"{shown(place.notes)}/ ({_named(place.notes)})"),
    )


def _named(folder: Path) -> str:
    """What is in the folder of the notes."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        names = []
    more = f" and {len(names) - _NOTES_NAMED} more" if len(names) > _NOTES_NAMED else ""
    shown = ["".join(char if char.isprintable() else "?" for char in name[:_NAME_CHARS]) for name in names]
    return ", ".join(shown[:_NOTES_NAMED]) + more if shown else "none yet"
