"""Entries as Markdown for people and for grep. Pure: a transcript is the texts of its entries, one after the other.

What an entry becomes depends on that entry alone, so a transcript can be continued after any crash. Control characters
are shown and not passed on: somebody will `cat` this file.
"""

import json
import re
from collections.abc import Iterable, Sequence

from forkcli.core import entries as e
from forkcli.core.asked import Asked
from forkcli.core.check_entries import Checked, Checks
from forkcli.core.messages import Block, text_of

HEAD_CHARS = 1_500
TAIL_CHARS = 500
TASK_CHARS = 600  # of a spawned agent, whose own transcript has all of it

# C0 (but for newline and tab), DEL, C1 and the marks that reorder text, each as a visible character.
_SHOWN = {code: 0x2400 + code for code in range(0x20) if code not in {0x09, 0x0A}}
_SHOWN |= {0x7F: 0x2421} | dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
_FENCES = re.compile(r"^\s*(`{3,})", re.MULTILINE)


def render(entry: e.Entry) -> bytes:
    """The entry's part of the transcript, empty for an entry that says nothing to a person."""
    text = _text(entry)
    if not text:
        return b""
    return (text.translate(_SHOWN).rstrip() + "\n\n").encode("utf-8", "backslashreplace")


def _text(entry: e.Entry) -> str:
    body = entry.body
    match body:
        case e.Agent():
            return f"# {body.session} · {body.agent}\n\n{body.kind} · {body.model} · {body.project} · {entry.at}"
        case e.Prompt():
            return f"## Prompt · {entry.at}\n\n{body.text}{_files(body.files)}"
        case e.Message():
            return f"## Message from {body.sender} · {entry.at}\n\n{body.text}"
        case e.Notice():
            return f"> fork: {_one_line(body.text)}"
        case e.Checkpoint():
            return f"[checkpoint {entry.seq}]"
        case e.Assistant():
            return _assistant(entry.at, body)
        case e.ToolResult():
            return _result(body)
        case _:
            event = _check(body) if isinstance(body, Checks | Checked) else _event(body)
            told = f"\n\n{body.told}" if isinstance(body, e.Rewind) and body.told else ""
            return f"> {event} · {entry.at}{told}" if event else ""


def _event(body: e.Body) -> str:
    match body:
        case e.Fork() | e.Spawn() | e.Report() | e.Merge() | e.Rewind() | e.Warmed() | Asked():
            return _family(body)
        case e.Approval():
            return f"asked for `{body.what}`: {_one_line(body.command)} — answered {body.answer}"
        case e.ModelChange():
            return f"model: {body.model}" + (f", effort {body.effort}" if body.effort else "")
        case e.AccessChange():
            return f"access: {body.access}, network {'on' if body.net else 'off'}"
        case e.Failure():
            return f"error ({body.kind}): {_one_line(body.sentence)}"
        case e.Interrupt():
            return f"interrupted by the {body.by}" + (f": {_one_line(body.reason)}" if body.reason else "")
        case e.Resume():
            return "resumed"
        case _:
            return ""  # a call's start: the answer shows the call, the result shows its end


def _check(body: Checks | Checked) -> str:
    match body:
        case Checks():
            until = [f"until `{_one_line(body.until)}` passes ({body.max_rounds} rounds)"] if body.until else []
            review = (
                [f"peer review ({body.review} rounds) {_one_line(body.perspective)}".rstrip()] if body.review else []
            )
            return f"a turn is done: {', then '.join([*until, *review]) or 'without checks'}"
        case Checked():
            how = "passed" if body.passed else f"failed, round {body.round} of {body.rounds}"
            said = f": {_one_line(body.text)}" if body.text and body.what == "until" else ""  # findings are in a report
            return f"{body.what} {_one_line(body.subject)}".rstrip() + f" {how}{said}"


def _family(body: e.Fork | e.Spawn | e.Report | e.Merge | e.Rewind | e.Warmed | Asked) -> str:
    match body:
        case e.Warmed():
            cost = "" if body.cost_usd is None else f", ${body.cost_usd:.4f}"
            return f"kept the context in the cache: {body.usage.cache_read_input_tokens:,} tokens read{cost}"
        case e.Rewind():
            return _rewound(body)
        case e.Spawn(onboarded=onboarded, brief=brief):
            tasks = "; ".join(f"{child.agent}: {_one_line(child.task)[:TASK_CHARS]}" for child in body.children)
            by = f"{onboarded} is onboarded for " if onboarded else ""
            return f"spawned: {by}{tasks}" + (f" (brief: {_one_line(brief)})" if brief else "")
        case e.Fork():
            tasks = "; ".join(f"{child.agent}: {_one_line(child.task)}" for child in body.children)
            return f"forked at entry {body.from_seq} into {tasks}"
        case e.Report():
            return f"{body.agent} {body.status}: {_one_line(body.text)}"
        case e.Merge():
            return f"files of {body.agent}: {body.outcome} {' '.join(body.paths)}".rstrip()
        case Asked(answer=None):
            return f"asked by {body.by}, {body.agent} answers: {_one_line(body.question)}"
        case Asked(answer=answer):
            return f"{body.agent} answered {body.by}: {_one_line(answer or '')}"


def _rewound(body: e.Rewind) -> str:
    by = {"user": "the user", "agent": "the agent itself", "fork": "fork, since the context was full"}[body.by]
    became = f"; what came after it is {body.abandoned} now" if body.abandoned else ""
    back = " ".join(path for path in body.restored if path not in body.removed) or "none"
    gone = f"; removed again: {' '.join(body.removed)}" if body.removed else ""
    files = f"; files restored: {back}{gone}" if body.files == "restore" else ""
    return f"back to entry {body.to}, by {by}{became}{files}"


def _assistant(at: str, body: e.Assistant) -> str:
    parts = [f"## Answer · {body.model} · {at}"]
    parts.extend(_block(block) for block in body.content)
    if body.cut:
        parts.append("> the answer was cut off here")
        if lost := text_of(body.lost):
            parts.append(lost)
    elif body.stop_reason not in {"end_turn", "tool_use", "stop_sequence"}:
        parts.append(f"> stopped: {body.stop_reason}")
    return "\n\n".join(part for part in parts if part)


def _block(block: Block) -> str:
    match block.get("type"):
        case "text":
            return str(block.get("text", ""))
        case "thinking":
            return _quote(str(block.get("thinking", "")))
        case "tool_use":
            return _call(str(block.get("name")), block.get("id"), block.get("input"))
        case kind:
            return f"[{kind}]"


def _call(name: str, call: object, args: object) -> str:
    """A call and its input: short values on the first line, texts of several lines each in a fence."""
    if not isinstance(args, dict):
        return f"**{name}** `{call}`\n{_fenced(_json(args))}"
    short = {key: value for key, value in args.items() if not (isinstance(value, str) and _is_long(value))}
    long = {key: value for key, value in args.items() if key not in short}
    lines = [f"**{name}** `{call}`" + (f" {_json(short)}" if short else "")]
    lines.extend(f"{key}:\n{_fenced(value)}" for key, value in long.items())
    return "\n".join(lines)


def _result(body: e.ToolResult) -> str:
    facts = body.facts
    said = [f"**{'error' if body.is_error else 'result'} of {body.name}** `{body.call}`"]
    if facts.exit_code is not None:
        said.append(f"exit {facts.exit_code}")
    said.append(f"{body.ms} ms")
    if facts.changed:
        said.append("changed " + ", ".join(facts.changed))
    if facts.output_file:
        said.append(f"whole output: {facts.output_file}")
    return " · ".join(said) + "\n" + _fenced("\n".join(_content(body.content)))


def _content(blocks: Sequence[Block]) -> Iterable[str]:
    for block in blocks:
        if block.get("type") == "text":
            yield str(block.get("text", ""))
        else:
            source = block.get("source")
            media = source.get("media_type", "") if isinstance(source, dict) else ""
            yield f"[{block.get('type')} {media}]"


def _files(files: Sequence[str]) -> str:
    return "".join(f"\n\nWhole data: {file}" for file in files)


def _fenced(text: str) -> str:
    """Text in a fence that nothing within can close, its middle left out when it is long."""
    text = _shortened(text)
    fence = "`" * max(3, *(len(run) + 1 for run in _FENCES.findall(text)), 3)
    return f"{fence}\n{text}\n{fence}"


def _shortened(text: str) -> str:
    left_out = len(text) - HEAD_CHARS - TAIL_CHARS
    if left_out <= 200:
        return text
    return f"{text[:HEAD_CHARS]}\n[… {left_out} characters left out …]\n{text[-TAIL_CHARS:]}"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_long(text: str) -> bool:
    return "\n" in text or len(text) > 120


def _json(value: object) -> str:
    return _shortened(json.dumps(value, ensure_ascii=False))
