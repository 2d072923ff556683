"""What the next model call sends: system, tools and messages. A pure function of the history."""

from dataclasses import dataclass

from forkcli.core.messages import Block, Message


@dataclass(frozen=True, slots=True)
class Context:
    """Exactly what the next request holds, moving cache marks aside."""

    system: tuple[Block, ...]
    tools: tuple[Block, ...]
    messages: tuple[Message, ...]
