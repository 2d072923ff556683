"""The check of a tool's input: what it lets through, and what it says."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools_kit import complaint

from forkcli.core.messages import Json, dump, text_block
from forkcli.errors import ForkError
from forkcli.prompts import text
from forkcli.tools.registry import builtin_tools
from forkcli.tools.schema import checked

TASK = {
    "type": "object",
    "properties": {
        "task": {"type": "string", "minLength": 1},
        "access": {"type": "string", "enum": ["write", "read"], "default": "write"},
        "max_steps": {"type": "integer", "minimum": 1},
    },
    "required": ["task"],
    "additionalProperties": False,
}
TOOL: Json = {
    "name": "probe",
    "input_schema": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "count": {"type": "integer", "minimum": 1, "maximum": 600, "default": 120},
            "share": {"type": "number", "maximum": 1},
            "all": {"type": "boolean", "default": False},
            "kind": {"type": "string", "enum": ["auto", "none"]},
            "tasks": {"type": "array", "items": TASK, "minItems": 1, "maxItems": 3},
        },
        "required": ["path"],
        "additionalProperties": False,
    },
}


def refusal(given: object) -> str:
    with pytest.raises(ForkError) as caught:
        checked(TOOL, given)
    return complaint(caught.value)


def test_defaults_are_filled_in_and_nothing_else_is() -> None:
    assert checked(TOOL, {"path": "a"}) == {"path": "a", "count": 120, "all": False}


def test_null_stands_for_an_optional_field_left_out() -> None:
    assert checked(TOOL, {"path": "a", "kind": None, "count": None}) == {"path": "a", "count": 120, "all": False}


def test_a_whole_float_is_an_integer() -> None:
    result = checked(TOOL, {"path": "a", "count": 5.0})
    assert result["count"] == 5
    assert isinstance(result["count"], int)


def test_an_unknown_field_is_named_with_the_nearest_one() -> None:
    said = refusal({"path": "a", "Counts": 3})
    assert said == (
        "`probe` has no field `Counts`\nDid you mean `count`? Fields: `path`, `count`, `share`, `all`, `kind`, `tasks`."
    )


def test_a_missing_field_is_named_with_what_it_takes() -> None:
    assert refusal({}).startswith("`probe` needs `path`, a string")
    assert refusal({"path": None}).startswith("`probe` needs `path`, a string")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("count", 900, "`count` of `probe` must be an integer from 1 to 600, not 900"),
        ("count", "5", '`count` of `probe` must be an integer from 1 to 600, not "5"'),
        ("count", True, "`count` of `probe` must be an integer from 1 to 600, not true"),
        ("count", 1.5, "`count` of `probe` must be an integer from 1 to 600, not 1.5"),
        ("count", math.nan, "`count` of `probe` must be an integer from 1 to 600, not NaN"),
        ("share", 2, "`share` of `probe` must be a number of at most 1, not 2"),
        ("share", math.nan, "`share` of `probe` must be a number of at most 1, not NaN"),
        ("all", "yes", '`all` of `probe` must be a boolean, not "yes"'),
        ("kind", "both", '`kind` of `probe` must be one of "auto", "none", not "both"'),
        ("path", ["a"], '`path` of `probe` must be a string, not ["a"]'),
        ("tasks", [], "`tasks` of `probe` must be an array with 1 to 3 items, not []"),
        ("tasks", [{"task": ""}], '`tasks[0].task` of `probe` must be a string that is not empty, not ""'),
        ("tasks", ["x"], '`tasks[0]` of `probe` must be an object with `task`, `access`, `max_steps`, not "x"'),
        (
            "tasks",
            [{"task": "x", "max_steps": 0}],
            "`tasks[0].max_steps` of `probe` must be an integer of at least 1, not 0",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_field_and_what_is_allowed(field: str, value: object, said: str) -> None:
    assert refusal({"path": "a", field: value}) == said


def test_fields_inside_lists_have_defaults_and_no_strangers() -> None:
    assert checked(TOOL, {"path": "a", "tasks": [{"task": "x"}]})["tasks"] == [{"task": "x", "access": "write"}]
    assert "has no field `acces`" in refusal({"path": "a", "tasks": [{"task": "x", "acces": "read"}]})


@pytest.mark.parametrize("given", [None, [], "path", 3])
def test_an_input_that_is_no_object_is_refused(given: object) -> None:
    assert refusal(given).startswith("the input of `probe` must be an object")


def test_a_huge_wrong_value_is_not_repeated_whole() -> None:
    assert len(refusal({"path": ["x" * 1_000_000]})) < 200
    assert len(refusal({"path": "a", "y" * 1_000_000: 1})) < 300


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*TOOL["input_schema"]["properties"], "else"]), values))
def test_any_input_is_either_checked_or_refused_in_words(given: Json) -> None:
    try:
        result = checked(TOOL, given)
    except ForkError as error:
        refusal_text = error.sentence
    else:
        refusal_text = "`probe`"
        assert set(result) <= set(TOOL["input_schema"]["properties"])
        assert isinstance(result["path"], str)
        assert 1 <= result["count"] <= 600
        assert checked(TOOL, result) == result
    assert "`probe`" in refusal_text


def test_the_tools_stand_in_a_fixed_order_with_the_same_bytes_each_time() -> None:
    names = "bash read write edit fork spawn send rewind merge"
    assert " ".join(tool.name for tool in builtin_tools()) == names
    first, second = ([json.dumps(tool.schema) for tool in builtin_tools()] for _ in range(2))
    assert first == second


def test_every_schema_is_closed_and_every_tool_described_shortly() -> None:
    for tool in builtin_tools():
        assert set(tool.schema) == {"name", "description", "input_schema"}
        assert tool.schema["name"] == tool.name
        assert tool.schema["input_schema"]["additionalProperties"] is False
        assert 50 < len(tool.schema["description"]) < 1600


def test_system_prompt_and_tools_fit_in_twelve_kilobytes() -> None:
    assert len(dump([text_block(text("system"))])) + len(dump([tool.schema for tool in builtin_tools()])) <= 12 * 1024
