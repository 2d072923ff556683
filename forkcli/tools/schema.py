"""Checks a tool's input against the JSON schema that was sent with it, and fills in the defaults.

It knows the few keywords that our own schemas use, nothing of tools or files. What it returns holds only declared
fields, each of its declared type.
"""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from forkcli.core.messages import Block, Json
from forkcli.errors import ForkError

SHOWN_CHARS = 60  # of a wrong value, in an error


def tool_schema(name: str, properties: Json, required: list[str]) -> Block:
    """A tool as it is sent: its description is the file `<name>.md` beside this module."""
    description = Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8").strip()
    shape = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"name": name, "description": description, "input_schema": shape}


def checked(tool: Block, given: object) -> Json:
    """The input with its defaults. ForkError names the field, what was given and what is allowed.

    Null stands for an optional field that is left out: many models send it so.
    """
    shape: Json = tool["input_schema"]
    name = f"`{tool['name']}`"
    if not isinstance(given, Mapping):
        raise ForkError(f"the input of {name} must be an object, not {_shown(given)}")
    return _object(shape, given, name, "")


def _object(shape: Json, given: Mapping[str, Any], owner: str, prefix: str) -> Json:
    properties: dict[str, Json] = shape["properties"]
    required = shape.get("required", [])
    for key in given:
        if key not in properties:
            raise _unknown(owner, str(key), list(properties))
    result: Json = {}
    for key, rule in properties.items():
        value = given.get(key)
        if value is not None:
            result[key] = _value(rule, value, owner, prefix + key)
        elif key in required:
            raise ForkError(f"{owner} needs `{prefix}{key}`, {_allowed(rule)}", _fields(list(properties)))
        elif "default" in rule:
            result[key] = rule["default"]
    return result


def _value(rule: Json, value: object, owner: str, field: str) -> object:
    kind = rule["type"]
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not _is(kind, value):
        raise _wrong(owner, field, rule, value)
    if isinstance(value, Mapping):
        return _object(rule, value, owner, f"{field}.") if "properties" in rule else dict(value)
    if isinstance(value, list):
        if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)):
            raise _wrong(owner, field, rule, value)
        return [_value(rule["items"], item, owner, f"{field}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, str) and len(value) < rule.get("minLength", 0):
        raise _wrong(owner, field, rule, value)
    if isinstance(value, int | float) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        raise _wrong(owner, field, rule, value)
    if "enum" in rule and value not in rule["enum"]:
        raise _wrong(owner, field, rule, value)
    return value


def _is(kind: str, value: object) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, Mapping)


def _allowed(rule: Json) -> str:
    """What a field takes, in words: `an integer from 1 to 600`."""
    if "enum" in rule:
        return "one of " + ", ".join(json.dumps(choice) for choice in rule["enum"])
    kind: str = rule["type"]
    if "properties" in rule:
        return "an object with " + ", ".join(f"`{field}`" for field in rule["properties"])
    words = f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"
    if rule.get("minLength"):
        words += " that is not empty"
    low, high = rule.get("minimum", rule.get("minItems")), rule.get("maximum", rule.get("maxItems"))
    if kind == "array" and (low is not None or high is not None):
        words += " with"
    match low, high:
        case None, None:
            return words
        case _, None:
            return f"{words} of at least {low}" if kind != "array" else f"{words} at least {low} items"
        case None, _:
            return f"{words} of at most {high}" if kind != "array" else f"{words} at most {high} items"
        case _:
            return f"{words} from {low} to {high}" if kind != "array" else f"{words} {low} to {high} items"


def _wrong(owner: str, field: str, rule: Json, value: object) -> ForkError:
    return ForkError(f"`{field}` of {owner} must be {_allowed(rule)}, not {_shown(value)}")


def _unknown(owner: str, key: str, known: list[str]) -> ForkError:
    near = get_close_matches(key.lower()[:SHOWN_CHARS], known, n=1)
    meant = f"Did you mean `{near[0]}`? " if near else ""
    return ForkError(f"{owner} has no field `{key[:SHOWN_CHARS]}`", meant + _fields(known))


def _fields(known: list[str]) -> str:
    return "Fields: " + ", ".join(f"`{name}`" for name in known) + "."


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
