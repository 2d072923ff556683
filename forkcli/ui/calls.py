"""Tool calls as they are shown: one line that says what was done and how it ended, and a few lines of what came of it.

Reads the call's input and the result's facts; never raises for an input or a result that has another shape than it
should, since both may come from a model or from an old history.
"""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from forkcli.core.entries import ToolResult
from forkcli.core.messages import Block, text_of
from forkcli.ui.diff import counts_text, diff_lines
from forkcli.ui.figures import count, seconds
from forkcli.ui.fold import Hanging, fold, hang
from forkcli.ui.item import Item
from forkcli.ui.look import BAD, FAINT, GOOD, STRONG, WARN, Look
from forkcli.ui.sanitize import command_lines, one_line, sanitize

SHOWN_OK = 4  # lines of output under a command that went well
SHOWN_BAD = 12  # … and under one that did not
SHOWN_COMMAND = 6  # lines of a command
SHOWN_DIFF = 40
SHOWN_TOLD = 60  # lines of what an agent tells the person
QUIET = frozenset({"read", "write", "edit", "fork", "spawn", "merge"})  # what their results say is shown in another way
LONGEST_LINE = 400  # characters of one line of output


def title(call: Block, look: Look) -> list[Text]:
    """What a call does, in words: the first line, and for a command of several lines the next ones."""
    name, args = str(call.get("name", "?")), call.get("input")
    given = args if isinstance(args, dict) else {}
    if name == "bash" and isinstance(given.get("command"), str):
        return _command_title(given, look)
    if name == "bash" and isinstance(given.get("stop"), str):
        return [Text.assemble(("bash", STRONG), " stop ", one_line(given["stop"], 40))]
    if name == "fork" and isinstance(given.get("tasks"), list):
        return [Text.assemble(("fork", STRONG), f" into {len(given['tasks'])}")]
    if name == "spawn" and isinstance(given.get("tasks"), list):
        return [Text.assemble(("spawn", STRONG), f" for {count(len(given['tasks']), 'task')}")]
    if name == "rewind":
        return [Text.assemble(("rewind", STRONG), " to ", one_line(str(given.get("to", "?")), 12))]
    if name == "send" and isinstance(given.get("to"), str) and isinstance(given.get("text"), str):
        return _send_title(given, look)
    path = given.get("path")
    if isinstance(path, str):
        return [Text.assemble((one_line(name, 40), STRONG), " ", one_line(path), (_span(given), FAINT))]
    words = " ".join(f"{one_line(str(key), 30)}={one_line(str(value), 60)}" for key, value in given.items())
    return [Text.assemble((one_line(name, 60), STRONG), " ", (one_line(words, 160), ""))]


def _command_title(given: Block, look: Look) -> list[Text]:
    first, *rest = sanitize(given["command"].strip("\n")).replace("\t", "    ").split("\n")
    first_line = Text.assemble(("bash", STRONG), " ", first[:LONGEST_LINE])
    for key, word in (("net", "network"), ("background", "in the background")):
        if given.get(key) is True:
            first_line.append(f" ({word})", WARN if key == "net" else FAINT)
    lines = [first_line, *(Text("     " + line[:LONGEST_LINE]) for line in rest[: SHOWN_COMMAND - 1])]
    if len(rest) >= SHOWN_COMMAND:
        lines.append(Text(f"     {look.more} {count(len(rest) - SHOWN_COMMAND + 1, 'more line')}", FAINT))
    return lines


def _send_title(given: Block, look: Look) -> list[Text]:
    """Who is told or asked what: to the person the whole text, since it is meant for them."""
    what = "ask" if given.get("wait") is True else "tell"
    lines = sanitize(given["text"].strip()).split("\n")
    head = Text.assemble((what, STRONG), f" {one_line(given['to'], 20)}: ", lines[0][:LONGEST_LINE])
    if what == "ask" and given["to"] == "user":
        return [head]  # the question itself is on screen
    most = SHOWN_TOLD if given["to"] == "user" else SHOWN_OK
    rest = [Text("     " + line[:LONGEST_LINE]) for line in lines[1:most]]
    if len(lines) > most:
        rest.append(Text(f"     {look.more} {count(len(lines) - most, 'more line')}", FAINT))
    return [head, *rest]


def _span(given: Block) -> str:
    offset, limit = given.get("offset"), given.get("limit")
    if isinstance(offset, int) and isinstance(limit, int):
        return f":{offset}-{offset + limit - 1}"
    return f":{offset}-" if isinstance(offset, int) else ""


def running(call: Block, heard: Sequence[str], elapsed: float, look: Look, spin: str) -> list[Text]:
    """A call that runs: its title, how long it has been running, and the last lines of its output."""
    head, *more = title(call, look)
    line = Text.assemble((f"{spin} ", GOOD), head)
    if elapsed >= 1:
        line.append(f"{look.sep}{seconds(elapsed)}", FAINT)
    tail = (Text.assemble((f"  {look.bar} ", FAINT), (sanitize(text), FAINT)) for text in heard)
    return [line, *(Text.assemble("  ", text) for text in more), *tail]


def _rest(lines: Sequence[Text]) -> list[Hanging]:
    """The further lines of a command, under its first one."""
    return [fold("  ", line, " " * 9) for line in lines]


def finished(call: Block | None, result: ToolResult, heard: Sequence[str], look: Look, *, before: int = 0) -> Item:
    """A call that has ended. `heard` are the last lines of its live output, if it had any; `before` so many more."""
    failed = result.is_error or bool(result.facts.exit_code)
    sign = Text(f"{look.bad} ", BAD) if failed else Text(f"{look.good} ", GOOD)
    head, *more = title(call or {"name": result.name}, look)
    line = head.copy()
    facts = _facts(result)
    if facts:
        line.append(look.sep + look.sep.join(facts), BAD if failed else FAINT)
    if result.facts.diff and not failed:
        line.append(look.sep, FAINT)
        line.append_text(counts_text(result.facts.diff, look))
        return Item(
            Group(hang(sign, line), *diff_lines(result.facts.diff, look, limit=SHOWN_DIFF, files=False, indent="  "))
        )
    body = _preview(result, heard, look, before, failed=failed)
    return Item(Group(hang(sign, line), *_rest(more), *body), dense=not (more or body))


def _facts(result: ToolResult) -> list[str]:
    facts = []
    if result.facts.exit_code:
        facts.append(f"exit {result.facts.exit_code}")
    if result.facts.job:
        facts.append(f"job {one_line(result.facts.job, 12)}")
    if result.name == "read" and not result.is_error:
        facts.append(_read_size(result))
    if result.ms >= 100:
        facts.append(seconds(result.ms / 1000))
    return [fact for fact in facts if fact]


def _read_size(result: ToolResult) -> str:
    if any(block.get("type") == "image" for block in result.content):
        return "an image"
    return count(text_of(result.content).count("\n") + 1, "line")


def _preview(
    result: ToolResult, heard: Sequence[str], look: Look, before: int, *, failed: bool
) -> list[RenderableType]:
    if result.name in QUIET and not failed:
        return []
    lines = [line for line in (heard or command_lines(text_of(result.content).strip("\n"))) if line.strip()]
    limit = SHOWN_BAD if failed else SHOWN_OK
    shown = lines[-limit:] if result.name == "bash" or heard else lines[:limit]
    out: list[RenderableType] = [_output_line(text, look) for text in shown]
    if heard:
        out += [_output_line(text, look) for text in _why_ended(result)]
    left = len(lines) - len(shown) + before
    if left:
        note = Text(f"  {look.bar} {look.more} {count(left, 'more line')}", FAINT)
        out.insert(0 if result.name == "bash" or heard else len(out), note)
    return out


def _why_ended(result: ToolResult) -> list[str]:
    """What a result says after its output of a command that did not end by itself, which nobody heard while it ran."""
    if not result.is_error or result.facts.exit_code is not None:
        return []
    lines = text_of(result.content).strip().split("\n")
    return [line for line in lines[-2:] if line.startswith("[") and line.endswith("]") and "[cwd: " not in line]


def _output_line(text: str, look: Look) -> Hanging:
    clean = sanitize(text)
    kept = clean if len(clean) <= LONGEST_LINE else clean[: LONGEST_LINE - 1] + look.more
    bars = (Text(f"  {bar} ", FAINT) for bar in (look.bar, look.wrap))
    return fold(next(bars), Text(kept, FAINT), next(bars))
