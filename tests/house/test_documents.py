"""Documents are tested like code: links lead somewhere, examples decode, blocks that claim to run do run."""

import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from documents import Code, anchors, code_blocks, documents, links
from source import ROOT

from forkcli.core.entries import BODY_TYPES
from forkcli.core.history import History
from forkcli.engine.ports import Tool
from forkcli.store.codec import decode
from forkcli.tools.registry import builtin_tools

RUNNABLE = [block for path in documents() for block in code_blocks(path) if block.info.split()[-1:] == ["run"]]
HISTORY = ROOT / "docs/history.md"


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    dead = []
    for target in links(path):
        if target.startswith(("https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        aim = (path.parent / file).resolve() if file else path
        if not aim.is_relative_to(ROOT) or not aim.exists() or (anchor and anchor not in anchors(aim)):
            dead.append(target)
    assert dead == []


def test_every_document_is_linked_from_another() -> None:
    aims = {
        (path.parent / target.partition("#")[0]).resolve()
        for path in documents()
        for target in links(path)
        if "://" not in target
    }
    lonely = [path.name for path in documents() if path.parent.name == "docs" and path not in aims]
    assert lonely == []


@pytest.mark.parametrize("block", RUNNABLE, ids=lambda block: block.where)
def test_a_block_that_claims_to_run_does(block: Code, project: Path, sealed: Path) -> None:
    language = block.info.split()[0]
    programs = {"python": [sys.executable, "-c"], "sh": ["bash", "-euc"]}
    command = sealed / "bin/fork"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m forkcli "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        [*programs[language], block.text],
        cwd=project,
        env={**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def examples() -> list[bytes]:
    blocks = (block for block in code_blocks(HISTORY) if block.info == "json")
    return [line.encode() for block in blocks for line in block.text.splitlines()]


def test_every_entry_type_has_an_example_that_decodes() -> None:
    shown = {type(decode(line, number).body) for number, line in enumerate(examples(), 1)}
    assert shown == set(BODY_TYPES)


def test_the_examples_fold_into_a_context() -> None:
    history = History.of(decode(line, number) for number, line in enumerate(examples(), 1))
    assert history.context().messages
    assert history.context().system


def test_every_field_of_an_entry_is_documented() -> None:
    text = HISTORY.read_text()
    named = {name for line in examples() for name in json.loads(line)}
    missing = {
        f"{body.TYPE}.{name}"
        for body in BODY_TYPES
        for name in (field.name for field in fields(body))
        if name not in named and f"`{name}`" not in text
    }
    assert missing == set()


@pytest.mark.parametrize("tool", builtin_tools(), ids=lambda tool: tool.name)
def test_every_input_of_a_tool_is_documented_with_its_default(tool: Tool) -> None:
    section = (ROOT / "docs/tools.md").read_text().split(f"\n## `{tool.name}`\n")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|\s*([^|]*?)\s*\|", section, re.MULTILINE))
    properties = tool.schema["input_schema"]["properties"]
    assert set(rows) == set(properties)
    shown = {name: default.replace(",", "") for name, default in rows.items()}
    declared = {name: str(field["default"]).lower() for name, field in properties.items() if "default" in field}
    assert {name: shown[name] for name in declared} == declared


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_of_ours_that_a_document_names_exists(path: Path) -> None:
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", path.read_text()))
    ours = [str(file) for folder in ("forkcli", "tests") for file in (ROOT / folder).rglob("*.py")]
    foreign = {"anthropic.py"}  # what a hostile project may hold
    assert {name for name in named - foreign if not any(file.endswith(f"/{name}") for file in ours)} == set()
