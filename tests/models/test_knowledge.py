"""What is known of models: sizes, names, prices; and the memory of endpoints."""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.core.entries import Usage
from forkcli.engine.ports import ModelLimits
from forkcli.models import catalog, prices
from forkcli.models.caps import LEAST, Caps
from forkcli.models.limits import limits_from_card
from forkcli.models.memory import MOST_ENTRIES, EndpointMemory

M = 1_000_000
# US dollars for a million tokens: in, out, read from the cache, written to the cache.
PRICES = {
    "claude-opus-5-5": (4, 20, 0.20, 5),
    "claude-sonnet-5-5": (2, 10, 0.10, 2.5),
    "claude-fable-5-2": (8, 40, 0.20, 10),
    "claude-fable-5-1": (10, 50, 0.25, 12.5),
    "claude-mythos-5-2": (8, 40, 0.20, 10),
    "claude-mythos-5-1": (10, 50, 0.25, 12.5),
    "claude-opus-5": (5, 25, 0.50, 6.25),
    "claude-sonnet-5": (2, 10, 0.20, 2.5),
    "claude-haiku-4-5": (1, 5, 0.10, 1.25),
    "opus": (4, 20, 0.20, 5),
    "anthropic/claude-opus-5.5": (4, 20, 0.20, 5),
    "claude-haiku-4-5-20251001": (1, 5, 0.10, 1.25),
}


@pytest.mark.parametrize("model", PRICES)
def test_a_call_costs_what_the_price_list_says(model: str) -> None:
    paid_in, paid_out, read, written = PRICES[model]
    assert prices.cost_usd(model, Usage(1000, 0)) == pytest.approx(paid_in / 1000)
    assert prices.cost_usd(model, Usage(0, 1000)) == pytest.approx(paid_out / 1000)
    assert prices.cost_usd(model, Usage(0, 0, 1000, 0)) == pytest.approx(read / 1000)
    assert prices.cost_usd(model, Usage(0, 0, 0, 1000)) == pytest.approx(written / 1000)
    together = (1000 * paid_in + 2000 * paid_out + 50_000 * read + 3000 * written) / M
    assert prices.cost_usd(model, Usage(1000, 2000, 50_000, 3000)) == pytest.approx(together)


def test_the_small_haiku_is_dearer_beyond_a_hundred_thousand_tokens() -> None:
    assert prices.cost_usd("haiku", Usage(50_000, 1000, 40_000, 0)) == pytest.approx(
        (50 * 0.1 + 0.5 + 40 * 0.01) / 1000
    )
    assert prices.cost_usd("haiku", Usage(50_000, 1000, 60_000, 0)) == pytest.approx(
        (50 * 0.5 + 2.5 + 60 * 0.05) / 1000
    )


def test_every_built_in_model_has_a_price() -> None:
    for model in catalog.MODELS:
        assert prices.cost_usd(model, Usage(1000, 1000)), model


@pytest.mark.parametrize("model", ["gpt-oss-120b", "qwen3", "claude-opus-99", "", "claude-"])
def test_a_model_without_a_known_price_has_none(model: str) -> None:
    assert prices.cost_usd(model, Usage(1000, 1000)) is None


def test_no_tokens_cost_nothing() -> None:
    assert prices.cost_usd("opus", Usage()) == 0


def test_short_names_and_the_default_are_known_models() -> None:
    assert catalog.full_name("opus") == catalog.DEFAULT_MODEL
    for short, name in catalog.ALIASES.items():
        assert catalog.full_name(short.upper()) == name
        assert catalog.built_in_limits(short) == ModelLimits(1_000_000, 128_000)
    assert catalog.full_name("llama3:8b") == "llama3:8b"
    assert not catalog.built_in_limits("llama3:8b").known


@pytest.mark.parametrize(
    ("card", "limits"),
    [
        ({"max_input_tokens": 1_000_000, "max_tokens": 128_000}, ModelLimits(1_000_000, 128_000)),
        ({"max_model_len": 32_768}, ModelLimits(32_768, 8192)),
        ({"context_length": 400_000}, ModelLimits(400_000, 32_000)),
        ({"meta": {"n_ctx": 4096}}, ModelLimits(4096, 1024)),
        ({"max_input_tokens": 8192, "max_tokens": 50_000}, ModelLimits(8192, 8192)),
        ({"max_input_tokens": "many"}, None),
        ({"max_input_tokens": True}, None),
        ({"max_input_tokens": -1}, None),
        ({"max_input_tokens": 10**30}, None),
        ({"meta": 7}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_sizes_are_read_from_model_cards_of_several_servers(card: object, limits: ModelLimits | None) -> None:
    assert limits_from_card(card, "some-model") == limits


def test_what_was_learned_is_known_to_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "endpoints.json"
    first = EndpointMemory(file)
    first.learn_caps("a", LEAST)
    first.learn_limits("a", ModelLimits(9000, 900))
    first.learn_limits("b", None)
    again = EndpointMemory(file)
    assert again.caps("a") == LEAST
    assert again.limits("a") == ModelLimits(9000, 900)
    assert again.asked("b")
    assert again.limits("b") is None
    assert not again.asked("c")
    assert [p.name for p in file.parent.iterdir()] == ["endpoints.json"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_two_processes_do_not_undo_each_other(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    one, two = EndpointMemory(file), EndpointMemory(file)
    assert one.caps("x") is two.caps("x") is None
    one.learn_caps("a", LEAST)
    two.learn_caps("b", Caps(marks="text"))
    last = EndpointMemory(file)
    assert (last.caps("a"), last.caps("b")) == (LEAST, Caps(marks="text"))


def test_what_is_old_is_forgotten_and_the_file_stays_small(tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    entries = {f"e{n}": {"at": time.time() - n, "caps": {}} for n in range(MOST_ENTRIES + 50)}
    entries["old"] = {"at": time.time() - 40 * 86_400, "caps": {"thinking": False}}
    file.write_text(json.dumps({"v": 1, "endpoints": entries}))
    memory = EndpointMemory(file)
    assert memory.caps("old") is None
    memory.learn_caps("new", LEAST)
    kept = json.loads(file.read_text())["endpoints"]
    assert len(kept) == MOST_ENTRIES
    assert {"new", "e0"} <= set(kept)
    assert "old" not in kept


DAMAGED = [
    b"",
    b"{",
    b"[]",
    b'{"v": 2, "endpoints": {}}',
    b'{"v": 1, "endpoints": {"a": 7}}',
    b'{"v": 1, "endpoints": {"a": {"at": "x", "caps": {}}}}',
    b'{"v": 1, "endpoints": {"a": {"at": 1e400}}}',
    b"\xff\xfe",
    b"[" * 100_000,
    b" " * (2 << 20),
]


@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_file_counts_for_nothing_and_is_replaced(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "endpoints.json"
    file.write_bytes(content)
    memory = EndpointMemory(file)
    assert memory.caps("a") is None
    assert memory.limits("a") is None
    memory.learn_caps("a", LEAST)
    assert EndpointMemory(file).caps("a") == LEAST


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=6
    )
)
def test_an_entry_of_any_shape_is_tolerated(value: object) -> None:
    memory = EndpointMemory(None, {"a": {"at": time.time(), "caps": value, "limits": value}})
    memory.caps("a")
    memory.limits("a")


@pytest.mark.parametrize("place", ["/dev/null/x/endpoints.json", "/proc/endpoints.json"])
def test_where_nothing_can_be_written_it_lasts_as_long_as_the_process(place: str) -> None:
    memory = EndpointMemory(Path(place))
    memory.learn_caps("a", LEAST)
    assert memory.caps("a") == LEAST


def test_a_file_that_cannot_be_replaced_leaves_no_rubbish(tmp_path: Path) -> None:
    blocked = tmp_path / "endpoints.json"
    blocked.mkdir()
    EndpointMemory(blocked).learn_caps("a", LEAST)
    assert os.listdir(tmp_path) == ["endpoints.json"]
