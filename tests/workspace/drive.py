"""A program for tests: opens a workspace and runs commands in it, as whichever user it is started.

Input: a JSON object with `root`, `add_dirs`, `use_holder` and `commands` (objects with `script` and options).
Output: a JSON object with `sandbox` and `ends`.
"""

import asyncio
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any

from forkcli.engine.ports import Command
from forkcli.errors import ForkError
from forkcli.workspace.base import open_workspace


async def drive(asked: dict[str, Any]) -> dict[str, Any]:
    root = Path(asked["root"])
    dirs = [Path(path) for path in asked.get("add_dirs", ())]
    workspace = open_workspace(root, dirs, use_holder=asked.get("use_holder", True))
    ends: list[Any] = []
    for options in asked["commands"]:
        try:
            running = await workspace.start(Command(**{"cwd": str(root), "timeout_s": 15.0, **options}))
            ends.append(dataclasses.asdict(await running.wait()))
        except ForkError as error:
            ends.append({"error": error.sentence})
    text = workspace.sandbox
    await workspace.close()
    return {"sandbox": text, "ends": ends, "uid": os.getuid()}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(drive(json.load(sys.stdin)))))
