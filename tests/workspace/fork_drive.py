"""A program for tests: opens a workspace and forks of it, and does things in them, as whichever user it is started.

Input: a JSON object with `root` and `steps`: objects with `in` (a workspace's name, `main` being open) and one of
`fork` (a new workspace's name, with `layers`, `access` and `checkout`, a directory), `sh` (a script, with options),
`write` (a path, with `text`), `read` (a path), `close`, `changed` or `remove` (a layers folder).
Output: a JSON list with each outcome.
"""

import asyncio
import dataclasses
import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

from forkcli.engine.ports import Command
from forkcli.errors import ForkError
from forkcli.workspace.base import ForkWorkspace, open_fork, open_workspace, remove_layers
from forkcli.workspace.plain import PlainWorkspace


async def act(root: Path, workspaces: dict[str, PlainWorkspace], step: dict[str, Any]) -> Any:
    here = workspaces.get(step.get("in", "main"))
    if "remove" in step:
        return remove_layers(Path(step["remove"]))
    assert here is not None
    if "fork" in step:
        kept = step.get("checkout")
        checkout = partial(shutil.copytree, kept, dirs_exist_ok=True) if kept else None
        fork = open_fork(here, Path(step["layers"]), access=step.get("access", "write"), checkout=checkout)
        workspaces[step["fork"]] = fork
        return {"kind": fork.kind, "notes": fork.notes}
    if "sh" in step:
        command = Command(step["sh"], **{"cwd": str(root), "timeout_s": 20.0, **step.get("options", {})})
        end = await (await here.start(command)).wait()
        return dataclasses.asdict(end)
    if "write" in step:
        return here.write(step["write"], step["text"].encode())
    if "read" in step:
        return here.read(step["read"], 10_000).decode()
    if "changed" in step:
        assert isinstance(here, ForkWorkspace)
        return [[os.fsdecode(one.path), one.what] for one in here.changed_paths() or ()]
    return await workspaces.pop(step["in"]).close()


async def drive(asked: dict[str, Any]) -> list[Any]:
    root = Path(asked["root"])
    workspaces: dict[str, PlainWorkspace] = {"main": open_workspace(root)}
    outcomes: list[Any] = []
    for step in asked["steps"]:
        try:
            outcomes.append(await act(root, workspaces, step))
        except ForkError as error:
            outcomes.append({"error": error.sentence})
    for workspace in reversed(workspaces.values()):
        await workspace.close()
    return outcomes


if __name__ == "__main__":
    print(json.dumps(asyncio.run(drive(json.load(sys.stdin)))))
