"""`@path` in a prompt: the file goes along, as the `read` tool would show it, after the words."""

import re

from forkcli.app.session import Session
from forkcli.core.messages import Block, quoted, text_block
from forkcli.engine.toolrun import tool_env
from forkcli.errors import ForkError

MAX_FILES = 20
_MENTION = re.compile(r"(?<!\S)@(?:\"([^\"]+)\"|(\S+))")


async def attachments(session: Session, text: str) -> list[Block]:
    """The blocks of the files that `text` names with `@`; words that name no file are left as they are."""
    tool = session.rig.tools["read"]
    blocks: list[Block] = []
    for path in mentioned(text)[:MAX_FILES]:
        try:
            if session.rig.workspace.stat(path).kind == "absent":
                continue
            outcome = await tool.run(tool.check({"path": path}), tool_env(session.agent, session.rig))
        except ForkError as error:
            blocks.append(text_block(f'<data path="{quoted(path)}">[{quoted(error.sentence)}]</data>'))
            continue
        if outcome is None:
            continue
        blocks.append(text_block(f'<data path="{quoted(path)}">'))
        blocks.extend({**b, "text": quoted(b["text"])} if b.get("type") == "text" else b for b in outcome.content)
        blocks.append(text_block("</data>"))
    return blocks


def mentioned(text: str) -> list[str]:
    """The paths after `@`, once each, in order; punctuation that ends a sentence does not belong to a path."""
    found = [quoted_ or bare.rstrip(".,;:!?)") for quoted_, bare in _MENTION.findall(text)]
    return list(dict.fromkeys(path for path in found if path))
