"""Who may import whom: the layers of pyproject.toml, the rooms of the third-party packages, and the pure core."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from source import PACKAGE, ROOT, imports, package_files, top

# Each third-party package and the only places that may name it; httpx2 is a part of the SDK's own interface.
ROOMS = {
    "anthropic": ("models/",),
    "httpx2": ("models/",),
    "genai_prices": ("models/",),
    "git": ("workspace/gitrun.py",),
    "PIL": ("tools/",),
    "markdown_it": ("ui/",),
    "rich": ("ui/",),
    "prompt_toolkit": ("ui/",),
    "typer": ("cli.py", "options.py"),
}
# The scripted model is for anyone who wants a server to test against: it must not need the SDK it imitates.
STDLIB_ONLY = ("core", "errors.py", "models/scripted", "store", "config.py", "prompts")
# Standard modules that can reach a file, a clock, the network, a process or chance.
IMPURE = frozenset(
    {"asyncio", "concurrent", "ctypes", "fcntl", "getpass", "glob", "http", "importlib", "io", "logging", "mmap"}
    | {"multiprocessing", "os", "pathlib", "platform", "random", "secrets", "select", "selectors", "shutil", "signal"}
    | {"socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid"}
)


def inside(path: Path, place: str) -> bool:
    where = path.relative_to(PACKAGE).as_posix()
    return where == place or where.startswith(place.rstrip("/") + "/")


@pytest.mark.timeout(120)
def test_the_layers_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as go; go(['--no-cache'])"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_third_party_package_is_imported_only_in_its_room() -> None:
    foreign = [
        (found.where, found.module)
        for path in package_files()
        for found in imports(path)
        if top(found.module) not in {*sys.stdlib_module_names, "forkcli"}
        and not any(inside(path, place) for place in ROOMS.get(top(found.module), ()))
    ]
    assert foreign == []


@pytest.mark.parametrize("place", STDLIB_ONLY)
def test_these_parts_need_the_standard_library_alone(place: str) -> None:
    foreign = [
        (found.where, found.module)
        for path in package_files()
        if inside(path, place)
        for found in imports(path)
        if top(found.module) not in {*sys.stdlib_module_names, "forkcli"}
    ]
    assert foreign == []


def test_the_core_can_reach_no_file_no_clock_no_network() -> None:
    impure = [
        (found.where, found.module)
        for path in package_files()
        if inside(path, "core")
        for found in imports(path)
        if top(found.module) in IMPURE
    ]
    assert impure == []


def test_every_dependency_has_a_room() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    modules = {"GitPython": "git", "pillow": "PIL", "markdown-it-py": "markdown_it"}
    names = {line.split(">")[0].strip() for line in declared}
    assert {modules.get(name, name.replace("-", "_")) for name in names} == set(ROOMS) - {"httpx2"}
