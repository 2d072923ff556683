"""Entries of a history as items of the scrollback, each for itself. What needs its neighbours (calls, streamed text)
is in `feed.py`."""

from rich.console import Group, RenderableType
from rich.text import Text

from forkcli.core import entries as e
from forkcli.core.asked import USER as PERSON
from forkcli.core.asked import Asked
from forkcli.core.check_entries import Checked, Checks
from forkcli.errors import ForkError
from forkcli.ui.checks import checked_item, wanted
from forkcli.ui.family import family_item
from forkcli.ui.figures import count, dollars
from forkcli.ui.fold import hang
from forkcli.ui.item import Item
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, USER, WARN, Look
from forkcli.ui.sanitize import first_line, one_line, sanitize

SHOWN_PROMPT = 12  # lines of a prompt
SHOWN_MESSAGE = 6  # lines of a message that is not the user's
LONGEST_PROMPT = 4000  # characters

_WHAT = {"net": "with network", "unsandboxed": "outside the sandbox", "shell": "without a sandbox"}


def item_of(body: e.Body, look: Look) -> Item | None:
    """How an entry is shown; None for one that is not shown by itself."""
    note = _note(body, look)
    if note is not None:
        return Item(Text(f"{look.dot} {note}", FAINT), dense=True)
    match body:
        case e.Prompt() | e.Message():
            return _spoken(body, look)
        case e.Approval():
            return _approval(body, look)
        case e.Fork() | e.Spawn() | e.Report() | e.Merge() | e.Rewind():
            return family_item(body, look)
        case Checked():
            return checked_item(body, look)
        case e.Failure(sentence=sentence):
            return Item(failure_text(sentence, (), look))
        case e.Interrupt():
            return _interrupt(body, look)
        case _:
            return None


def _spoken(body: e.Prompt | e.Message, look: Look) -> Item:
    if isinstance(body, e.Message):
        return Item(said(body.text, look, look.steer)) if body.sender == "user" else _message(body, look)
    return Item(said(body.text, look))


def _note(body: e.Body, look: Look) -> str | None:
    """What is said in one faint line."""
    match body:
        case e.Notice(text=text):
            first, _, more = text.strip().partition("\n")
            return f"told the agent: {one_line(first, 300)}{look.more if more else ''}"
        case e.ModelChange(model=model, effort=effort):
            return f"model {one_line(model, 80)}" + (f"{look.sep}effort {one_line(effort, 20)}" if effort else "")
        case e.AccessChange(access=access, net=net):
            return f"access {access}{look.sep}network {'on' if net else 'off'}"
        case e.Resume():
            return "went on from here"
        case Checks():
            return wanted(body)
        case e.Warmed(usage=usage, cost_usd=cost):
            priced = "" if cost is None else f" for {dollars(cost)}"
            return f"kept {count(usage.cache_read_input_tokens, 'token')} in the endpoint's cache{priced}"
        case Asked(by=by, question=question, agent=agent, answer=answer) if answer is not None:
            who = "you" if by == PERSON else one_line(by, 12)
            return f"{who} asked: {first_line(question)}{look.sep}{one_line(agent, 12)} answered"
        case _:
            return None


def said(text: str, look: Look, sign: str | None = None) -> RenderableType:
    """What a person said: their words behind a sign, the first lines of them when they are many."""
    mark = f"{sign or look.user} "
    blank = " " * len(mark)
    lines = sanitize(text[:LONGEST_PROMPT].strip("\n")).split("\n")
    in_all = text.strip("\n").count("\n") + 1
    shown = [hang(blank, Text(line, STRONG)) for line in lines[:SHOWN_PROMPT]]
    shown[0] = hang(Text(mark, USER), Text(lines[0], STRONG))
    rows: list[RenderableType] = [*shown]
    if in_all > len(shown):
        rows.append(Text(f"{blank}{look.more} {count(in_all - len(shown), 'more line')}", FAINT))
    elif len(text) > LONGEST_PROMPT:
        rows.append(Text(f"{blank}{look.more} {count(len(text) - LONGEST_PROMPT, 'more character')}", FAINT))
    return Group(*rows)


def failure_text(sentence: str, hints: tuple[str, ...], look: Look) -> RenderableType:
    """What went wrong and what to do, a line each."""
    first = hang(Text(f"{look.bad} ", BAD), Text(sanitize(sentence), BAD))
    return Group(first, *(hang("  ", line) for hint in hints for line in sanitize(hint).split("\n")))


def error_item(error: ForkError, look: Look) -> Item:
    """A ForkError with its hints."""
    return Item(failure_text(error.sentence, error.hints, look))


def ended_elsewhere(agent: str, look: Look) -> Item:
    """A turn of an agent that the user has left has ended."""
    name = one_line(agent, 12)
    return Item(Text(f"{look.dot} {name} has ended its turn{look.sep}/go {name} shows it", FAINT), dense=True)


def warned(text: str, look: Look) -> Item:
    """Something a person should know."""
    return Item(hang(Text(f"{look.warn} ", WARN), sanitize(text)), dense=True)


def _message(body: e.Message, look: Look) -> Item:
    whose = f"job {one_line(body.job, 20)}" if body.job else one_line(body.sender, 40)
    head = Text.assemble((f"{look.agent} ", WARN), (whose, STRONG), ": ")
    lines = sanitize(body.text.strip("\n")).split("\n")
    rows: list[RenderableType] = [hang("  ", line) for line in lines[:SHOWN_MESSAGE]]
    if len(lines) == 1:
        rows = []
        head.append(lines[0])
    if len(lines) > SHOWN_MESSAGE:
        rows.append(Text(f"  {look.more} {count(len(lines) - SHOWN_MESSAGE, 'more line')}", FAINT))
    return Item(Group(hang("", head, "  "), *rows))


def _approval(body: e.Approval, look: Look) -> Item:
    what = _WHAT.get(body.what, one_line(body.what, 40))
    if body.answer == "no":
        return Item(Text.assemble((f"{look.bad} ", BAD), f"you did not allow it {what}"), dense=True)
    often = "for this command, always in this session" if body.answer == "always" else "once"
    return Item(Text.assemble((f"{look.good} ", GOOD), f"you allowed it {what}, {often}"), dense=True)


def _interrupt(body: e.Interrupt, look: Look) -> Item:
    reason = one_line(body.reason, 300)
    if body.by == "signal":
        words = reason or "stopped by a signal"
    else:
        who = "stopped by you" if body.by == "user" else "stopped at a limit"
        words = f"{who}: {reason}" if reason else who
    return Item(Text.assemble((f"{look.stop} ", WARN), f"{words}; what was done is kept"))
