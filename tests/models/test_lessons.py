"""What is left out after which words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.models.caps import FULL, LEAST, Caps, caps_from_json, default_caps, left_out
from forkcli.models.lessons import says_nothing, weaker

NO_BLOCKS = Caps(thinking_blocks=False)


@pytest.mark.parametrize(
    ("refusal", "less"),
    [
        ("thinking: Extra inputs are not permitted", replace(FULL, thinking=False)),
        ("thinking.type: Input should be 'enabled' or 'disabled'", replace(FULL, thinking=False)),
        ("adaptive thinking is not supported on this model", replace(FULL, thinking=False)),
        ("body.thinking.type: unexpected value; permitted: 'enabled'", replace(FULL, thinking=False)),
        ("Unknown parameter: 'thinking'", replace(FULL, thinking=False)),
        ("output_config: Extra inputs are not permitted", replace(FULL, effort=False)),
        ("This model does not support the effort parameter.", replace(FULL, effort=False)),
        ("unrecognized field output_config.effort", replace(FULL, effort=False)),
        ("messages.0.content.0.text.cache_control: Extra inputs are not permitted", replace(FULL, marks="text")),
        ("cache_control is not supported", replace(FULL, marks="text")),
        ("system: Input should be a valid string", replace(FULL, system_blocks=False)),
        ("body.system: str type expected", replace(FULL, system_blocks=False)),
        ("Invalid `signature` in `thinking` block. The block is bound elsewhere", NO_BLOCKS),
        ("messages.1.content.0: Input tag 'thinking' found using 'type' does not match", NO_BLOCKS),
        ("messages.3: `thinking` or `redacted_thinking` blocks cannot be modified", NO_BLOCKS),
        ("anthropic-version: 2026-10-21 is not a valid version", replace(FULL, old_version=True)),
        ("max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens", Caps(max_tokens=64000)),
        ("max_tokens must be less than or equal to 8192", replace(FULL, max_tokens=8192)),
        ("messages: roles must alternate", None),
        ("messages.2.content.1.tool_result: unexpected `tool_use_id`", None),
        ("A maximum of 4 blocks with cache_control may be provided. Found 5", None),
        ("messages.1: I was thinking this is fine", None),
        ("tools.0.input_schema: invalid", None),
        ("", None),
    ],
)
def test_a_field_that_is_named_is_left_out(refusal: str, less: Caps | None) -> None:
    assert weaker(FULL, refusal) == less


def test_marks_go_from_all_blocks_to_text_to_none() -> None:
    words = "cache_control is not allowed here"
    text = weaker(FULL, words)
    assert text is not None
    none = weaker(text, words)
    assert none == replace(FULL, marks="none")
    assert weaker(none, words) is None


WORDS = st.sampled_from(
    [
        "thinking",
        "not supported",
        "messages",
        "cache_control",
        "effort",
        "system",
        "string",
        "signature",
        "max_tokens: 9 > 8",
    ]
)


@given(st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=40))
def test_learning_ends(refusals: list[str]) -> None:
    caps, learned = FULL, 0
    for words in refusals * 2:
        less = weaker(caps, words)
        if less is not None:
            assert less != caps
            caps, learned = less, learned + 1
    assert learned <= 9


@pytest.mark.parametrize("words", ["", "Bad Request", "invalid request.", "Unprocessable Entity"])
def test_some_refusals_say_nothing(words: str) -> None:
    assert says_nothing(words)
    assert not says_nothing(words + " because of you")


def test_elsewhere_than_at_anthropic_no_thinking_is_asked_for() -> None:
    assert default_caps(first_party=True, model="x") == FULL
    assert default_caps(first_party=False, model="claude-opus-5-5") == Caps(thinking=False)
    assert default_caps(first_party=False, model="qwen") == Caps(thinking=False, marks="text")


def test_capabilities_survive_their_file() -> None:
    for caps in (FULL, LEAST, Caps(max_tokens=7, marks="text")):
        assert caps_from_json(caps.to_json()) == caps


@pytest.mark.parametrize(
    "value",
    [None, [], {"thinking": 1}, {"marks": "some"}, {"max_tokens": -1}, {"max_tokens": "9"}, {"of_tomorrow": True}],
)
def test_capabilities_of_another_shape_are_none(value: object) -> None:
    assert caps_from_json(value) is None


def test_what_was_left_out_is_told_in_words() -> None:
    assert left_out(FULL, Caps(marks="none", thinking=False)) == ["thinking", "cache marks"]
    assert left_out(FULL, Caps(system_blocks=False)) == []
