"""What starting costs: heavy modules are imported when they are first needed, and importing has no effects."""

import json
import subprocess
import sys

import pytest
from source import PACKAGE, ROOT, imports, package_files, top

HEAVY = (
    "anthropic",
    "httpx2",
    "pydantic",
    "git",
    "prompt_toolkit",
    "genai_prices",
    "PIL",
    "rich.markdown",
    "markdown_it",
)
# Imports inside functions, for start-up time alone; none of them hides a cycle (the layers are tested on all imports).
LAZY = frozenset({*(top(name) for name in HEAVY), "rich", "typer", "pygments"})
# The doors and the composition root may also choose which of fork's own parts a run needs; nobody else may.
DOORS = frozenset({"__main__.py", "cli.py", "verbs.py", "launch.py", "app"})

EFFECTS = """
import importlib, json, pkgutil, sys
effects = []
BAD = ("socket.", "subprocess.", "os.system", "os.mkdir", "os.rename", "os.remove", "os.exec", "os.fork", "shutil.")
def watch(event, args):
    if event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+"):
        effects.append(f"open {args[0]} {args[1]}")
    elif event.startswith(BAD) and event not in ("socket.gethostname", "socket.__new__"):
        effects.append(event)
import forkcli
names = [found.name for found in pkgutil.walk_packages(forkcli.__path__, "forkcli.") if "__main__" not in found.name]
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
print(json.dumps(effects))
"""


def loaded_after(code: str) -> set[str]:
    """Names of the modules that are loaded once `code` has run in a fresh interpreter."""
    program = f"import sys\n{code}\nimport json; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["forkcli.cli", "forkcli.app", "forkcli.__main__"])
def test_nothing_heavy_is_loaded_by_importing(module: str) -> None:
    assert loaded_after(f"import {module}") & set(HEAVY) == set()


def test_the_version_needs_neither_typer_nor_rich() -> None:
    run = "import contextlib, forkcli.__main__ as door\nsys.argv = ['fork', '--version']\n"
    run += "with contextlib.suppress(SystemExit):\n    door.main()"
    loaded = loaded_after(run)
    assert loaded & {*HEAVY, "typer", "click", "rich", "asyncio", "forkcli.cli", "forkcli.app"} == set()


def test_only_listed_modules_are_imported_inside_functions() -> None:
    hidden = [
        (found.where, found.module)
        for path in package_files()
        for found in imports(path)
        if found.lazy
        and top(found.module) not in {*LAZY, *sys.stdlib_module_names}
        and not (top(found.module) == "forkcli" and path.relative_to(PACKAGE).parts[0] in DOORS)
    ]
    assert hidden == []


def test_importing_everything_opens_writes_and_starts_nothing() -> None:
    done = subprocess.run([sys.executable, "-B", "-c", EFFECTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


# What only a turn, a session or a slash command needs; it is imported once the prompt can be seen.
LATER = (
    *("forkcli.engine", "forkcli.tools", "forkcli.commands", "forkcli.models.anthropic", "forkcli.workspace.sandbox"),
    *("forkcli.core.views", "forkcli.core.history", "forkcli.app.driver", "tomllib"),
)


def test_the_prompt_does_not_wait_for_what_a_turn_needs() -> None:
    loaded = loaded_after("import forkcli.cli, forkcli.app.interactive")
    assert [name for name in sorted(loaded) if name.startswith(LATER)] == []
