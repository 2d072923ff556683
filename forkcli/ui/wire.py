"""Entries as objects of the stream format, named as scripts for Claude Code's print mode read them. Pure."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from forkcli.core import entries as e
from forkcli.core.asked import Asked
from forkcli.core.check_entries import Checked, Checks
from forkcli.core.messages import tool_result_block


def wire(entry: e.Entry) -> Iterator[dict[str, Any]]:
    """The objects that tell of one entry, none for what is fork's own bookkeeping."""
    match entry.body:
        case e.Assistant() as answer:
            yield {"type": "assistant", "message": message(answer)}
        case e.ToolResult(call=call, content=content, is_error=is_error):
            block = tool_result_block(call, content, is_error=is_error)
            yield {"type": "user", "message": {"role": "user", "content": [block]}}
        case e.Message(sender=sender, text=text):
            yield {"type": "message", "from": sender, "text": text}
        case e.Checkpoint(context_tokens=tokens, window=window):
            fact = {"checkpoint": entry.seq, "context_tokens": tokens, "window": window}
            yield {"type": "system", "subtype": "checkpoint", **fact}
        case e.Notice(text=text):
            yield {"type": "system", "subtype": "notice", "text": text}
        case e.ModelChange(model=model, effort=effort):
            yield {"type": "system", "subtype": "model", "model": model, "effort": effort}
        case Checks() as checks:
            yield {"type": "system", "subtype": "checks", **asdict(checks)}
        case Checked() as checked:
            facts = {("from" if k == "sender" else k): v for k, v in asdict(checked).items() if k != "what"}
            yield {"type": "check", "subtype": checked.what, **facts}
        case e.Failure(kind=kind, sentence=sentence, status=status):
            yield {"type": "error", "subtype": kind, "error": sentence, "status": status}
        case e.Interrupt(by=by, reason=reason):
            yield {"type": "error", "subtype": "interrupted", "by": by, "error": reason}
        case body:
            yield from _family(body)


def _family(body: e.Body) -> Iterator[dict[str, Any]]:
    """What an agent's relatives have to do with it."""
    match body:
        case e.Fork(children=children, from_seq=at, wait=wait):
            tasks = [asdict(child) for child in children]
            yield {"type": "fork", "at": at, "children": tasks, "wait": wait}
        case e.Spawn(children=children, onboarded=onboarded) as spawn:
            tasks = [asdict(child) for child in children]
            order = {"brief": spawn.brief, "interview": spawn.interview, "model": spawn.model or None}
            yield {"type": "spawn", "onboarded": onboarded, "children": tasks, **order, "wait": spawn.wait}
        case e.Rewind() as rewind:
            files = {"files": rewind.files, "restored": list(rewind.restored), "removed": list(rewind.removed)}
            said = {"report": rewind.report or None, "text": rewind.told}
            yield {"type": "rewind", "to": rewind.to, "by": rewind.by, "abandoned": rewind.abandoned, **files, **said}
        case e.Report() as report:
            yield {"type": "report", **{("from" if k == "agent" else k): v for k, v in asdict(report).items()}}
        case e.Merge() as merge:
            yield {
                "type": "system",
                "subtype": "merge",
                "from": merge.agent,
                "outcome": merge.outcome,
                "paths": merge.paths,
            }
        case Asked(agent=fork, by=by, question=question, answer=answer):
            said = {"question": question, "answer": answer}
            yield {"type": "system", "subtype": "asked", "from": by, "fork": fork, **said}


def message(answer: e.Assistant) -> dict[str, Any]:
    """An answer as the API's message object."""
    return {
        "id": answer.message_id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": list(answer.content),
        "stop_reason": answer.stop_reason,
        "stop_sequence": None,
        "usage": asdict(answer.usage),
    }
