"""The project's own source as the house tests see it: files, syntax trees, functions and imports."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "forkcli"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the file it stands in, the module's full name, its line, and whether a function hides it."""

    path: Path
    module: str
    line: int
    lazy: bool

    @property
    def where(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


@cache
def package_files() -> tuple[Path, ...]:
    """Every Python file of the package."""
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def files_of_tests() -> tuple[Path, ...]:
    """Every Python file of the tests."""
    return tuple(sorted((ROOT / "tests").rglob("*.py")))


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(text(path), filename=str(path))


def line_count(path: Path) -> int:
    return len(text(path).splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """`file:line name` and length in lines, from `def` to the last line, of each function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, FUNCTIONS) and node.end_lineno is not None:
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def imports(path: Path) -> Iterator[Import]:
    """Every import of a file, with the lazy ones told apart."""
    yield from _imports(path, tree(path), lazy=False)


def _imports(path: Path, node: ast.AST, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for name in child.names:
                yield Import(path, name.name, child.lineno, lazy)
        elif isinstance(child, ast.ImportFrom):
            yield Import(path, _absolute(path, child), child.lineno, lazy)
        else:
            yield from _imports(path, child, lazy=lazy or isinstance(child, FUNCTIONS))


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
    return ".".join([*parts, *([node.module] if node.module else [])])


def top(module: str) -> str:
    return module.split(".", maxsplit=1)[0]
