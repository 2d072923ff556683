"""Nobody buys silence: no lint or type silencers, no unfinished work, no patched code, no hidden damage."""

import ast
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from source import ROOT, files_of_tests, imports, package_files, tree

SILENCER = re.compile(
    r"\bnoqa\b|type:\s*ignore|pyright:\s*ignore|pragma:\s*no\s*cover|pylint:\s*disable|ruff:\s*(noqa|disable|ignore)"
    r"|fmt:\s*off|#\s*mypy:"
)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
EVERYTHING = (*package_files(), *files_of_tests())


def comments(path: Path) -> Iterator[tuple[str, str]]:
    """`file:line` and text of each comment."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield f"{path.relative_to(ROOT)}:{token.start[0]}", token.string


def names(path: Path) -> Iterator[tuple[str, str]]:
    """`file:line` and each name or attribute that is used."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name):
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.id
        elif isinstance(node, ast.Attribute):
            yield f"{path.relative_to(ROOT)}:{node.lineno}", node.attr


def test_no_comment_silences_a_checker() -> None:
    found = [(where, text) for path in EVERYTHING for where, text in comments(path) if SILENCER.search(text)]
    assert found == []


def test_no_comment_puts_work_off() -> None:
    found = [(where, text) for path in EVERYTHING for where, text in comments(path) if UNFINISHED.search(text)]
    assert found == []


def test_nothing_is_left_unimplemented() -> None:
    found = [where for path in package_files() for where, name in names(path) if name == "NotImplementedError"]
    assert found == []


def test_no_test_patches_our_code_or_expects_to_fail() -> None:
    banned = {"xfail", "MagicMock", "AsyncMock"}
    found = [(where, name) for path in files_of_tests() for where, name in names(path) if name in banned]
    mocks = [one.where for path in files_of_tests() for one in imports(path) if one.module.startswith("unittest.mock")]
    assert found == []
    assert mocks == []


def test_no_class_is_a_manager() -> None:
    classes = (node for path in package_files() for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef))
    assert [node.name for node in classes if "Manager" in node.name] == []


def test_no_dataclass_is_without_slots() -> None:
    found = []
    for path in package_files():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                found += [f"{path.name} {node.name}" for mark in node.decorator_list if _plain_dataclass(mark)]
    assert found == []


def _plain_dataclass(mark: ast.expr) -> bool:
    if isinstance(mark, ast.Name):
        return mark.id == "dataclass"
    is_call = isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "dataclass"
    return is_call and "slots" not in {word.arg for word in mark.keywords}


def test_every_module_says_what_it_is() -> None:
    silent = [str(path.relative_to(ROOT)) for path in package_files() if not ast.get_docstring(tree(path))]
    assert silent == []
