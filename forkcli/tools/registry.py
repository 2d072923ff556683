"""The built-in tools, in the fixed order in which every request of a session sends them."""

from forkcli.engine.ports import Tool
from forkcli.tools.bash import bash_tool
from forkcli.tools.edit import edit_tool
from forkcli.tools.fork import fork_tool
from forkcli.tools.merge import merge_tool
from forkcli.tools.read import read_tool
from forkcli.tools.rewind import rewind_tool
from forkcli.tools.send import send_tool
from forkcli.tools.spawn import spawn_tool
from forkcli.tools.write import write_tool


def builtin_tools() -> tuple[Tool, ...]:
    """`bash`, `read`, `write`, `edit`, `fork`, `spawn`, `send`, `rewind`, `merge`."""
    return (
        bash_tool(),
        read_tool(),
        write_tool(),
        edit_tool(),
        fork_tool(),
        spawn_tool(),
        send_tool(),
        rewind_tool(),
        merge_tool(),
    )
