"""The entries of outside checks: what a turn has to pass before it is done, and what each check came to.

They are part of `entries.Body`; only their classes stand here.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

CHECK = "check"  # who a failed command speaks as, and the key of its live output


@dataclass(frozen=True, slots=True)
class Checks:
    """What turns of this agent have to pass from here on. A check may send the agent back so many rounds a prompt."""

    TYPE: ClassVar = "checks"
    until: str = ""  # a command of the user's that has to exit with 0; empty: none
    max_rounds: int = 5
    review: int = 0  # rounds of peer review; 0: none
    perspective: str = ""  # what a reviewer looks for above all


@dataclass(frozen=True, slots=True)
class Checked:
    """One check of a turn that was done. `text`, if any, is what the agent is told, and has to answer."""

    TYPE: ClassVar = "checked"
    what: Literal["until", "review"]
    subject: str  # the command, or the perspective
    passed: bool
    round: int  # 1 for the first; beyond `rounds` the agent is not sent back any more
    rounds: int
    text: str = ""
    sender: str = CHECK  # of the text: a reviewer's id, or CHECK for a command
    exit_code: int | None = None  # of a command; None: it was killed
    output_file: str | None = None  # all that a command printed, relative to the project
    ms: int = 0
