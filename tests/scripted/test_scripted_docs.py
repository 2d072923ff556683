"""docs/scripted.md names everything that a script can say."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from forkcli.models.scripted import Fault, Recorded, Reply
from forkcli.models.scripted.faults import KINDS
from forkcli.models.scripted.load import load_script
from forkcli.models.scripted.server import Options

DOCS = Path(__file__).parents[2] / "docs/scripted.md"
NAMES = {
    "reply": [f.name for f in fields(Reply)],
    "fault": [f.name for f in fields(Fault) if f.name != "kind"],
    "kinds": list(KINDS),
    "options": list(Options.__annotations__),
    "record": [f.name for f in fields(Recorded) if f.name not in {"number", "began"}],
}


@pytest.mark.parametrize("part", NAMES)
def test_every_name_is_documented(part: str) -> None:
    text = DOCS.read_text()
    assert [name for name in NAMES[part] if f"`{name}`" not in text] == []


def test_the_example_is_a_script(tmp_path: Path) -> None:
    example = DOCS.read_text().split("```json\n")[1].split("```")[0]
    path = tmp_path / "script.json"
    path.write_text(json.dumps(json.loads(example)))
    assert [reply.fault and reply.fault.kind for reply in load_script(path)] == [None, "cut", None]
