"""What to leave out after an endpoint refused a field of a request.

Pure. Invariant: `weaker` returns less than it was given or None, so learning from refusals ends. It reads only the
server's own sentence, and takes a refusal of something said in `messages` for what it is: not about a parameter.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from forkcli.models.caps import Caps

_NO = (
    r"(?:\bnot (?:supported|permitted|allowed|recogni[sz]ed|valid|accepted|available)|unsupported|unknown"
    r"|unrecogni[sz]ed|unexpected|extra (?:inputs?|fields?)|invalid|does(?: no|n')t support|cannot|forbidden"
    r"|input tag|(?:should|must) be|expected|validation error)"
)
_NOT_MESSAGES = r"^(?!.*\bmessages\b)"
_PLAIN = r"\W*(?:bad request|invalid request(?: body)?|unprocessable (?:entity|content)|validation error)?\W*"
_TOO_MANY = (
    r"max_tokens\D{0,20}(?P<sent>\d{1,9})\s*>\s*(?P<most>\d{1,9})"
    r"|max_tokens.{0,60}(?:at most|less than or equal to|maximum(?: value)?(?: is| of)?|<=)\D{0,4}(?P<limit>\d{1,9})"
)
_FLAGS = re.IGNORECASE | re.DOTALL


@dataclass(frozen=True, slots=True)
class _Lesson:
    """A refusal that is understood: how its sentence reads, and what is left out then."""

    pattern: str  # compiled when it is needed, which is rarely: compiling all takes longer than the rest of an import
    weaken: Callable[[Caps], Caps]


def _lesson(weaken: Callable[[Caps], Caps], *patterns: str) -> _Lesson:
    return _Lesson("|".join(patterns), weaken)


def _about(field: str) -> tuple[str, str]:
    """A parameter that is named before or after the word that refuses it."""
    return rf"{_NOT_MESSAGES}.*{field}.{{0,160}}{_NO}", rf"{_NOT_MESSAGES}.*{_NO}.{{0,120}}{field}"


def _fewer_marks(caps: Caps) -> Caps:
    return replace(caps, marks="text" if caps.marks == "all" else "none")


_LESSONS = (
    _lesson(
        lambda caps: replace(caps, thinking_blocks=False),
        r"signature.{0,40}thinking",
        r"thinking.{0,60}(?:signature|cannot be modified|bound to)",
        rf"\bmessages\b.{{0,80}}thinking.{{0,80}}{_NO}",
        rf"\bmessages\b.{{0,80}}{_NO}.{{0,40}}thinking",
        rf"{_NO}.{{0,80}}\bmessages\b.{{0,80}}thinking",
    ),
    _lesson(_fewer_marks, rf"cache_control.{{0,120}}{_NO}", rf"{_NO}.{{0,120}}cache_control"),
    _lesson(lambda caps: replace(caps, effort=False), *_about(r"\b(?:output_config|effort)\b")),
    _lesson(lambda caps: replace(caps, thinking=False), *_about(r"\bthinking\b")),
    _lesson(
        lambda caps: replace(caps, system_blocks=False),
        r"\bsystem\b.{0,120}\bstr(?:ing)?\b",
        r"\bstr(?:ing)?\b.{0,80}\bsystem\b",
    ),
    _lesson(lambda caps: replace(caps, old_version=True), r"anthropic-version"),
)


def weaker(caps: Caps, refusal: str) -> Caps | None:
    """What to send instead after a refusal in these words; None when they name nothing that can be left out."""
    for lesson in _LESSONS:
        if re.search(lesson.pattern, refusal, _FLAGS) and (less := lesson.weaken(caps)) != caps:
            return less
    if (found := re.search(_TOO_MANY, refusal, re.IGNORECASE)) is not None:
        most = int(found["most"] or found["limit"])
        if most > 0 and (caps.max_tokens is None or most < caps.max_tokens):
            return replace(caps, max_tokens=most)
    return None


def says_nothing(refusal: str) -> bool:
    """Whether a refusal does not say what was wrong."""
    return re.fullmatch(_PLAIN, refusal, re.IGNORECASE) is not None
