"""Frozen dataclasses as JSON objects and back, by their fields and type hints, which are resolved once a class.

It knows the hints that entries use and refuses any other at the first use of a class. It never accepts a value of a
wrong type: what comes back has the types that the class declares, and an agent's id is safe as a folder's name. A field
equal to its default is left out.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields, is_dataclass
from math import inf
from types import NoneType, UnionType
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from forkcli.core.ids import AgentId, is_agent_id

Read = Callable[[Any], Any]
T = TypeVar("T")
MOST = 2**63 - 1  # what is counted never comes near, and a float can hold whatever is made of it


class WrongShapeError(ValueError):
    """A value that the declared type cannot hold."""


@dataclass(frozen=True, slots=True)
class Field:
    """How one field is read and written; `default` is MISSING where it has to be there."""

    name: str
    read: Read
    nested: bool
    default: Any


_KNOWN: dict[type, tuple[Field, ...]] = {}


def fields_of(cls: Any) -> tuple[Field, ...]:
    """The fields of a dataclass, in their order; worked out once a class."""
    known = _KNOWN.get(cls)
    if known is None:
        known = _KNOWN[cls] = _fields_of(cls)
    return known


def _fields_of(cls: Any) -> tuple[Field, ...]:
    hints = get_type_hints(cls)
    found = []
    for field in fields(cls):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        hint = hints[field.name]
        found.append(Field(field.name, _reader(hint), _is_nested(hint), default))
    return tuple(found)


def to_json(value: Any) -> dict[str, Any]:
    """The fields of a dataclass that differ from their defaults, as JSON values."""
    record: dict[str, Any] = {}
    for field in fields_of(type(value)):
        item = getattr(value, field.name)
        if field.default is MISSING or item != field.default:
            record[field.name] = _written(item) if field.nested else item
    return record


def _is_nested(hint: Any) -> bool:
    """Whether values of this hint hold dataclasses: one, or a tuple of them."""
    return is_dataclass(hint) or (get_origin(hint) is tuple and is_dataclass(get_args(hint)[0]))


def _written(item: Any) -> Any:
    return [to_json(one) for one in item] if isinstance(item, tuple) else to_json(item)


def from_json(cls: type[T], record: dict[str, Any]) -> T:
    """A `cls` from a JSON object; fields it does not know are ignored. Raises WrongShapeError."""
    values = {}
    for field in fields_of(cls):
        if field.name in record:
            try:
                values[field.name] = field.read(record[field.name])
            except WrongShapeError as error:
                raise WrongShapeError(f"its field `{field.name}` {error}") from None
        elif field.default is MISSING:
            raise WrongShapeError(f"its field `{field.name}` is missing")
    return cls(**values)


def _reader(hint: Any) -> Read:
    """What turns a JSON value into a value of the hinted type."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if isinstance(hint, NewType):
        return _reader(hint.__supertype__)
    origin = get_origin(hint)
    if origin is dict:
        return _exactly(dict)
    if origin is Literal:
        return _one_of(get_args(hint))
    if origin is tuple:
        return _each(_reader(get_args(hint)[0]))
    if origin in {Union, UnionType}:
        return _optional(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _nested(hint)
    raise TypeError(f"no JSON shape is known for {hint!r}")


def _exactly(wanted: type) -> Read:
    def read(value: Any) -> Any:
        if type(value) is wanted:
            return value
        raise WrongShapeError(f"is {type(value).__name__}, not {wanted.__name__}")

    return read


def _int(value: Any) -> int:
    if type(value) is int and abs(value) <= MOST:
        return value
    raise WrongShapeError(f"is {type(value).__name__}, not int" if type(value) is not int else "is too large")


def _float(value: Any) -> float:
    if type(value) in {int, float} and abs(value) < inf:
        with suppress(OverflowError):  # an integer beyond what a float holds
            return float(value)
    raise WrongShapeError(f"is {type(value).__name__}, not a number")


def _agent_id(value: Any) -> AgentId:
    if isinstance(value, str) and is_agent_id(value):
        return AgentId(value)
    raise WrongShapeError(f"is {value!r:.60}, not the id of an agent")


def _one_of(allowed: tuple[Any, ...]) -> Read:
    def read(value: Any) -> Any:
        if isinstance(value, str) and value in allowed:
            return value
        raise WrongShapeError(f"is {value!r:.60}, not one of {', '.join(allowed)}")

    return read


_SIMPLE: dict[Any, Read] = {
    AgentId: _agent_id,
    float: _float,
    int: _int,
    str: _exactly(str),
    bool: _exactly(bool),
}


def _each(item: Read) -> Read:
    def read(value: Any) -> Any:
        if isinstance(value, list):
            return tuple([item(v) for v in value])
        raise WrongShapeError(f"is {type(value).__name__}, not a list")

    return read


def _optional(hint: Any) -> Read:
    inner = [arg for arg in get_args(hint) if arg is not NoneType]
    if len(inner) != 1 or len(get_args(hint)) != 2:
        raise TypeError(f"no JSON shape is known for {hint!r}")
    some = _reader(inner[0])

    def read(value: Any) -> Any:
        return None if value is None else some(value)

    return read


def _nested(cls: type) -> Read:
    def read(value: Any) -> Any:
        if isinstance(value, dict):
            return from_json(cls, value)
        raise WrongShapeError(f"is {type(value).__name__}, not an object")

    return read
