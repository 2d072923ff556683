"""What a reviewer's last words come to. Pure and total: they approve, they are findings, or it is not clear which.

An approval that is overlooked costs a round; findings that are overlooked cost the work its review. So only words that
plainly approve do, where they were asked for: at the beginning, and with little after them. What approves and also
says something that may be a finding is not clear: then the reviewer is asked, and no rule here guesses.
"""

import re
from typing import Literal, TypeAlias

from forkcli.core.check_entries import Checked
from forkcli.core.entries import Message, Prompt, Spawn
from forkcli.core.history import History

DIFF_CHARS = 48_000  # of the diff that a reviewer is sent
PROMPT_CHARS = 8_000  # of the original prompt

_DECORATION = " \t\r\n*_`#>\"'“”‘’~-–—=[]()✅✔☑👍:.!"
_LABEL = re.compile(
    r"(?:(?:my|the|final|overall|review)\s+)*(?:verdict|decision|result|conclusion)\b[\s:*_`\-–—=]*", re.IGNORECASE
)
_APPROVES = re.compile(r"approved?\b[\s*_`\"'”’)\]]*(?P<after>.*)", re.IGNORECASE | re.DOTALL)
_SEPARATES = ".!:;,(–—-✅✔☑👍"  # what may stand between an approval and a remark: `Approve button …` is none
_QUOTES = (">", '"', "'", "“", "‘")
_SHORT = re.compile(
    r"(?:there\s+(?:are|is)\s+)?(?:no\s+(?:further\s+|more\s+)?(?:findings?|problems?|issues?|changes?|objections?)\b"
    r"|nothing\s+(?:has|needs|is)\b|none\b|lgtm\b|looks\s+good\b|all\s+good\b|ok(?:ay)?\b|pass(?:es|ed)?\b|accept)",
    re.IGNORECASE,
)
_SHORT_CHARS = 200  # a message like `no findings` that says what was not asked for
_REMARK_CHARS = 500  # after an approval: more than that is worth asking about
_TAKES_BACK = re.compile(
    r"[\s:;,.(\-–—*_]*(?:\?|(?:is|was|are)\s+(?:not|withheld|denied|impossible)|not\b|never\b|cannot\b|can['’]t\b|no\s*[.!]?\s*$|"
    r"denied\b|withheld\b|refused\b|pending\b|provided\b|unless\b|until\b|once\b|if\b|after\b|only\b|but\b|except\b|"
    r"however\b|although\b|conditional|subject\s+to\b|with\s+(?:\w+\s+){0,3}(?:changes?|conditions?|reservations?|"
    r"fixes|findings?|comments?|caveats?)\b|or\b)",
    re.IGNORECASE,
)


Verdict: TypeAlias = Literal["approve", "findings", "unclear"]


def verdict(text: str) -> Verdict:
    """What a reviewer's last message comes to. An empty one does not approve."""
    lines = [line for line in text.splitlines() if line.strip(_DECORATION)]
    if not lines:
        return "findings"
    found = _APPROVES.match(_unlabelled("\n".join(lines)))
    if found is None:
        ends_in_one = len(lines) > 1 and _is_bare(lines[-1])
        return "unclear" if ends_in_one or _says_it_otherwise("\n".join(lines)) else "findings"
    if _TAKES_BACK.match(found["after"]):
        return "findings"
    remark = found["after"].strip(_DECORATION)
    if not remark:
        return "approve"
    if not _is_bare(lines[0]) and found["after"].lstrip()[:1] not in _SEPARATES:
        return "findings"
    quoted = lines[0].lstrip().startswith(_QUOTES)
    return "unclear" if quoted or len(remark) > _REMARK_CHARS or _may_be_finding(remark) else "approve"


def clipped_diff(diff: str, where: str) -> str:
    """The diff as a reviewer is sent it: all of it, or its beginning at a line's end and where all of it is."""
    if len(diff) <= DIFF_CHARS:
        return diff
    head = diff[:DIFF_CHARS]
    head = head[: head.rfind("\n") + 1] or head
    return f"{head}[… {len(diff) - len(head):,} more characters; all of it: {where}]\n"


def clipped_prompt(prompt: str) -> str:
    """The original prompt as a reviewer is sent it: its beginning and its end where it is long."""
    if len(prompt) <= PROMPT_CHARS:
        return prompt
    half = PROMPT_CHARS // 2
    left_out = f"[… {len(prompt) - 2 * half:,} characters are left out here; the file has all …]"
    return f"{prompt[:half]}\n{left_out}\n{prompt[-half:]}"


def fenced(text: str) -> str:
    """Text in a fence that no line of it can close."""
    fence = "`" * max([3, *(len(run) + 1 for run in _TICKS.findall(text))])
    return f"{fence}\n{text.rstrip()}\n{fence}"


def asked_of(history: History) -> str:
    """All that people asked of this agent, oldest first."""
    said = []
    for entry in history.entries.own:
        match entry.body:
            case Prompt(text=text):
                said.append(text)
            case Message(sender="user", text=text):
                said.append(text)
    return "\n\n".join(text.strip() for text in said if text.strip())


def reviews(history: History) -> list[Spawn]:
    """The orders by which reviewers were called, oldest first."""
    bodies = (entry.body for entry in history.entries.own)
    return [body for body in bodies if isinstance(body, Spawn) and is_review(body)]


def is_review(order: Spawn) -> bool:
    """Whether an order is for a reviewer: only those wait without a call of the model's."""
    return order.call is None and order.wait


def open_review(history: History) -> Spawn | None:
    """The newest review if it was not concluded: it may have to be taken up again. None for one that was stopped."""
    orders = reviews(history)
    if not orders:
        return None
    order, name = orders[-1], orders[-1].children[0].agent
    concluded = any(isinstance(entry.body, Checked) and entry.body.sender == name for entry in history.entries.own)
    report = history.reports.get(name)
    return None if concluded or (report is not None and report.status == "stopped") else order


def _says_it_otherwise(text: str) -> bool:
    """Whether a text is short and begins as one that finds nothing, in other words than were asked for."""
    found = _SHORT.match(_unlabelled(text))
    return found is not None and len(text) <= _SHORT_CHARS and not _may_be_finding(text[found.end() :])


def _may_be_finding(remark: str) -> bool:
    """Whether what stands beside an approval names a place, lists something, or speaks of a fault."""
    said = _NEGATED.sub("", remark)
    return any(sign.search(said) is not None for sign in (_LIST, _PLACE, _CONTRARY))


def _is_bare(line: str) -> bool:
    """Whether a line says that it approves and nothing else."""
    found = _APPROVES.fullmatch(_unlabelled(line))
    return found is not None and not found["after"].strip(_DECORATION)


def _unlabelled(text: str) -> str:
    bare = text.lstrip(_DECORATION)
    return _LABEL.sub("", bare, count=1).lstrip(_DECORATION) if _LABEL.match(bare) else bare


_TICKS = re.compile(r"`{3,}")
_PLACE = re.compile(r"\w:\d+|\blines? \d+", re.IGNORECASE)
_LIST = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s", re.MULTILINE)
_NEGATED = re.compile(
    r"\bno\s+(?:\w+\s+)?(?:findings?|bugs?|faults?)\b|\bnothing\s+(?:wrong|missing|broken)\b", re.IGNORECASE
)
_CONTRARY = re.compile(
    r"\b(?:disapprove|reject|withdraw|(?:not|never|cannot|can['’]t|don['’]t)\s+approved?|but|however|except|although|"
    r"unless|wrong|bugs?|fails?|broken|missing|must|should|findings?)\b",
    re.IGNORECASE,
)
