"""What a line typed by the user asks for: a slash command, a shell command, or a prompt. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from forkcli.core.nearby import nearby
from forkcli.errors import ForkError
from forkcli.ui.habits import instead
from forkcli.ui.ports import Slash

_SLASH = re.compile(r"/([A-Za-z][\w-]*)(?:\s+(.*?))?\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SlashLine:
    """`/name rest`."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class ShellLine:
    """`!command`."""

    command: str


@dataclass(frozen=True, slots=True)
class PromptLine:
    """Anything else."""

    text: str


def parse(text: str) -> SlashLine | ShellLine | PromptLine:
    """What the line asks for; one that begins with a blank, or with a path like `/etc/hosts`, is a prompt."""
    if slash := _SLASH.fullmatch(text):
        return SlashLine(slash[1], slash[2] or "")
    if text.startswith("!") and text[1:].strip():
        return ShellLine(text[1:].strip())
    return PromptLine(text)


def find(slashes: Sequence[Slash], name: str) -> Slash:
    """The command of that name, or the only one that begins with it; ForkError when there is none or more.

    The error says what to use here for what other tools have.
    """
    exact = [slash for slash in slashes if slash.name == name]
    begins = [slash for slash in slashes if slash.name.startswith(name)]
    if exact or len(begins) == 1:
        return (exact or begins)[0]
    if begins:
        raise ForkError(f"/{name} could be {' or '.join('/' + slash.name for slash in begins)}")
    use = instead(name)
    if use is not None:
        raise ForkError(f"there is no /{name}", use)
    meant = nearby(name.lower(), (slash.name for slash in slashes))
    guess = [f"is it /{meant}? up brings the line back"] if meant else []
    rule = "/help lists the commands; a line that begins with a blank is sent as it is"
    raise ForkError(f"there is no /{name}", *guess, rule)
