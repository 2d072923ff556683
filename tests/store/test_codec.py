"""Every entry survives its line, and no changed byte goes unseen."""

import json
import zlib
from dataclasses import fields
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_help import line_1, lines_of, turn

from forkcli.core import entries as e
from forkcli.core.ids import AgentId
from forkcli.core.messages import text_block
from forkcli.errors import ForkError, Kind
from forkcli.store.codec import DamagedLineError, decode, encode
from forkcli.store.shapes import WrongShapeError, fields_of, from_json


def joined(text: str) -> str:
    """Halves of surrogate pairs side by side are one character in JSON; lone ones stay."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


TEXT = st.text(
    st.one_of(st.characters(), st.characters(categories=["Cs"]), st.sampled_from('\0\n\r\u2028\ufeff\\"{}é✓😀')),
    max_size=12,
).map(joined)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
BLOCK = st.dictionaries(TEXT, JSON, max_size=3)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field, by its type hint."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is AgentId:
        return st.from_regex(r"main|[fs][1-9][0-9]{0,5}", fullmatch=True).map(AgentId)
    if hasattr(hint, "__supertype__"):
        return values(hint.__supertype__)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if origin is dict:
        return BLOCK
    if origin is tuple:
        return st.lists(values(args[0]), max_size=3).map(tuple)
    if type(None) in args:
        return st.none() | values(next(a for a in args if a is not type(None)))
    if args:
        return st.sampled_from(args)
    return bodies(hint)


SIMPLE = {
    str: TEXT,
    int: st.integers(-(2**63) + 1, 2**63 - 1),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
}


def bodies(cls: Any) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    given_fields = {field.name: values(hints[field.name]) for field in fields(cls)}
    if cls is e.Agent:
        given_fields["v"] = st.just(e.HISTORY_VERSION)
    return st.builds(cls, **given_fields)


ENTRY = st.builds(
    e.Entry, st.integers(1, 2**60), st.just("2026-11-22T09:25:00.000Z"), st.one_of([bodies(t) for t in e.BODY_TYPES])
)


@given(ENTRY)
def test_an_entry_of_any_type_comes_back_equal(entry: e.Entry) -> None:
    line = encode(entry)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line, 1) == entry
    assert decode(line[:-1], 1) == entry


@given(ENTRY, st.data())
def test_a_changed_byte_is_seen_wherever_it_is(entry: e.Entry, data: st.DataObject) -> None:
    line = bytearray(encode(entry)[:-1])
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(DamagedLineError):
        decode(bytes(line), 7)


@pytest.mark.parametrize("line", lines_of([line_1(), *turn()]))
def test_every_single_bit_of_a_turn_is_guarded(line: bytes) -> None:
    for at in range(len(line) - 1):
        for bit in range(8):
            changed = bytearray(line)
            changed[at] ^= 1 << bit
            with pytest.raises(DamagedLineError):
                decode(bytes(changed), 1)


def test_the_checksum_is_over_the_object_without_it() -> None:
    line = lines_of([e.Notice("hello")])[0].decode()
    without, _, checksum = line.rstrip().rpartition(',"crc32":')

    assert json.loads(line)["crc32"] == f"{zlib.crc32((without + '}').encode()):08x}"
    assert checksum == f'"{json.loads(line)["crc32"]}"}}'


def test_the_last_member_is_the_checksum_and_the_first_the_number() -> None:
    keys = list(json.loads(lines_of([e.Notice("hello")])[0]))

    assert keys == ["seq", "at", "type", "text", "crc32"]


def test_text_is_readable_utf8_unless_a_lone_surrogate_forbids_it() -> None:
    plain, broken = lines_of([e.Notice("✓"), e.Notice("✓\ud800")])

    assert "✓".encode() in plain
    assert broken.isascii()
    assert decode(broken, 1).body == e.Notice("✓\ud800")


def sealed(record: object) -> bytes:
    body = json.dumps(record, separators=(",", ":")).encode()
    return body[:-1] + b',"crc32":"%08x"}' % zlib.crc32(body)


NOTICE = {"seq": 4, "at": "t", "type": "notice", "text": "x"}


def test_a_field_of_a_later_version_is_ignored() -> None:
    assert decode(sealed({**NOTICE, "colour": "red"}), 1).body == e.Notice("x")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**NOTICE, "type": "dream"}, "its type 'dream' is unknown"),
        ({**NOTICE, "type": ["notice"]}, "its type ['notice'] is unknown"),
        ({"seq": 4, "at": "t", "type": "notice"}, "its field `text` is missing"),
        ({**NOTICE, "text": 5}, "its field `text` is int, not str"),
        ({**NOTICE, "asks": 1}, "its field `asks` is int, not bool"),
        ({**NOTICE, "seq": True}, "it has no number or no time"),
        ({**NOTICE, "seq": 0}, "it has no number or no time"),
        ({**NOTICE, "at": None}, "it has no number or no time"),
        (
            {"seq": 4, "at": "t", "type": "tool_result", "call": "c", "name": "n", "content": [], "facts": 3},
            "its field `facts` is int, not an object",
        ),
        (
            {"seq": 4, "at": "t", "type": "tool_result", "call": "c", "name": "n", "content": {}},
            "its field `content` is dict, not a list",
        ),
        (
            {"seq": 4, "at": "t", "type": "tool_result", "call": "c", "name": "n", "content": [], "facts": {"cwd": 1}},
            "its field `facts` its field `cwd` is int, not str",
        ),
        (
            {"seq": 4, "at": "t", "type": "interrupt", "by": "fate"},
            "its field `by` is 'fate', not one of user, signal, limit",
        ),
        ({"seq": 4, "at": "t", "type": "access", "access": "full", "net": "yes"}, "its field `net` is str, not bool"),
    ],
)
def test_a_sealed_line_of_a_wrong_shape_says_what_is_wrong(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(DamagedLineError) as caught:
        decode(sealed(record), 12)

    assert caught.value.sentence == f"line 12 is damaged: {reason}"


def test_a_cost_that_is_no_number_is_refused() -> None:
    record = {"seq": 1, "at": "t", "type": "assistant", "content": [], "stop_reason": "x", "usage": {}, "model": "m"}

    assert decode(sealed({**record, "cost_usd": 1}), 1).body.cost_usd == 1.0
    with pytest.raises(DamagedLineError, match="not a number"):
        decode(sealed({**record, "cost_usd": "1"}), 1)


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"{}", b"null", b"garbage", b'{"seq":1}', b"\xff\xfe\x00", b"[" * 100_000],
    ids=["nothing", "newline", "object", "null", "words", "no checksum", "not utf-8", "deep"],
)
def test_what_is_no_line_at_all_is_damage(line: bytes) -> None:
    with pytest.raises(DamagedLineError, match="it has no checksum at its end"):
        decode(line, 1)


@pytest.mark.parametrize("body", [b"[1,2]", b"[" * 100_000 + b"]", b'{"a":\xff}', b"{'a':1}"])
def test_a_checksum_makes_no_entry_of_what_is_no_json_object(body: bytes) -> None:
    line = body[:-1] + b',"crc32":"%08x"}' % zlib.crc32(body[:-1] + b"}")

    with pytest.raises(DamagedLineError):
        decode(line, 1)


def test_a_json_value_that_is_no_object_is_damage() -> None:
    inner = b'{"a":[1]}'
    assert decode(sealed(NOTICE), 1)
    with pytest.raises(DamagedLineError, match="it has no number"):
        decode(inner[:-1] + b',"crc32":"%08x"}' % zlib.crc32(inner), 1)


def test_a_newer_version_is_a_clear_error_and_no_damage() -> None:
    with pytest.raises(ForkError) as caught:
        decode(sealed({"seq": 1, "at": "t", "type": "agent", "v": 2, "soul": {}}), 1)

    assert not isinstance(caught.value, DamagedLineError)
    assert caught.value.sentence == "this history has format 2, and this fork reads formats up to 1"
    assert "upgrade" in caught.value.hints[0]


def test_fields_at_their_default_take_no_room() -> None:
    line = lines_of([e.Assistant((), "end_turn", e.Usage(), "m")])[0]

    assert set(json.loads(line)) == {"seq", "at", "type", "content", "stop_reason", "usage", "model", "crc32"}


def test_what_json_cannot_hold_is_an_error_of_storage() -> None:
    deep: dict[str, Any] = {}
    for _ in range(50_000):
        deep = {"a": deep}
    for block in (deep, {"n": 10**5000}):
        with pytest.raises(ForkError) as caught:
            encode(e.Entry(e.Seq(1), "t", e.Prompt("x", (block,))))
        assert caught.value.kind is Kind.STORAGE


def test_no_field_of_a_body_hides_one_of_the_line() -> None:
    for body_type in e.BODY_TYPES:
        assert not {"seq", "at", "type", "crc32"} & {field.name for field in fields_of(body_type)}


def test_only_shapes_that_are_understood_are_taken() -> None:
    from dataclasses import dataclass

    @dataclass
    class Odd:
        both: int | str

    @dataclass
    class Strange:
        when: bytes

    for cls in (Odd, Strange):
        with pytest.raises(TypeError, match="no JSON shape is known"):
            fields_of(cls)
    with pytest.raises(WrongShapeError):
        from_json(e.Notice, {})


def test_a_text_block_keeps_what_fork_does_not_know() -> None:
    block = {**text_block("x"), "citations": [{"url": "u", "n": 1.5}], "future": None}
    entry = e.Entry(e.Seq(1), "t", e.Prompt("x", (block,)))

    assert decode(encode(entry), 1) == entry
