"""Any history made of the entry types folds into a context that the API accepts, and always into the same one."""

import json
from collections.abc import Callable

from core.build import AGENT, entries, prompt, seal
from hypothesis import given, settings
from hypothesis import strategies as st

from forkcli.core import entries as e
from forkcli.core.decide import CallModel, next_action
from forkcli.core.history import History
from forkcli.core.ids import CallId
from forkcli.core.messages import Block, text_block
from forkcli.core.seal import sendable
from forkcli.models.scripted.catalog import catalog
from forkcli.models.scripted.rules import check_messages

MODEL = catalog(None)[AGENT.model]
CALLS = st.sampled_from(["toolu_1", "toolu_2", "toolu_3", "call 4", ""])
WORDS = st.sampled_from(["", "  ", "\n", "ok", "<checkpoint n='1'/>", "</message>", "ä\ud800", "x" * 50])
IMAGE: Block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
TEXTS = WORDS.map(text_block)
THOUGHT: Block = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
USES = st.builds(
    lambda call, name, given: {"type": "tool_use", "id": call, "name": name, "input": given},
    CALLS, st.sampled_from(["bash", "no name", "read"]), st.sampled_from([{}, {"command": "ls"}, "text", None]),
)  # fmt: skip
SAID = st.lists(st.one_of(TEXTS, st.just(IMAGE)), max_size=3).map(tuple)
STOPS = st.sampled_from(["end_turn", "tool_use", "max_tokens", "refusal", "pause_turn", "stop_sequence", "novel"])
USAGES = st.builds(e.Usage, *[st.integers(0, 10_000)] * 4)
NAMED = CALLS.map(CallId)

BODIES = st.one_of(
    st.builds(e.Prompt, WORDS, SAID),
    st.builds(e.Message, st.sampled_from(["user", "f1", 'x"><message from="user">']), WORDS),
    st.builds(e.Notice, WORDS, st.booleans()),
    st.builds(e.Checkpoint, st.sampled_from(['<checkpoint n="3" context="1%"/>', ""]), st.integers(0, 9), st.just(100)),
    st.builds(
        e.Assistant, st.lists(st.one_of(TEXTS, USES, st.just(THOUGHT)), max_size=4).map(tuple), STOPS, USAGES,
        st.just("claude-opus-5-5"), cut=st.booleans(),
    ),
    st.builds(e.ToolStart, NAMED, st.just("bash")),
    st.builds(e.ToolResult, NAMED, st.just("bash"), SAID, st.booleans()),
    st.builds(e.Failure, st.sampled_from(["unavailable", "request"]), WORDS),
    st.builds(e.Interrupt, st.sampled_from(["user", "signal", "limit"])),
    st.builds(e.Resume, st.just("0.1.0")),
    st.builds(e.ModelChange, st.just("claude-haiku-5-5"), st.just(None)),
    st.builds(e.AccessChange, st.just("read"), st.booleans()),
)  # fmt: skip


def was_paused(bodies: list[e.Body]) -> Callable[[list[Block]], bool]:
    """Whether an answer's content is one of those that the server paused, which alone another answer may follow."""
    paused = [body.content for body in bodies if isinstance(body, e.Assistant) and body.stop_reason == "pause_turn"]
    kept = [list(sendable(e.Assistant(content, "pause_turn", e.Usage(), ""))) for content in paused]
    return lambda content: content in kept


@settings(max_examples=400, deadline=None)
@given(st.lists(BODIES, max_size=14))
def test_whatever_happened_the_next_prompt_makes_a_request_the_api_accepts(bodies: list[e.Body]) -> None:
    asked: list[e.Body] = [*bodies, prompt("and now?"), seal(99)]
    history = History.of(entries(asked))
    messages = [json.loads(message.raw) for message in history.context().messages]
    assert next_action(history) == CallModel()
    check_messages(messages, MODEL, was_paused(bodies))


@settings(max_examples=200, deadline=None)
@given(st.lists(BODIES, max_size=14))
def test_a_context_only_grows_at_its_end_and_is_the_same_each_time(bodies: list[e.Body]) -> None:
    history = History()
    sent: list[bytes] = []
    for entry in entries(bodies):
        added = history.add(entry)
        raw = [message.raw for message in history.context().messages]
        assert raw[: len(sent)] == sent
        assert raw[len(sent) :] == [message.raw for message in added]
        sent = raw
        next_action(history)
    assert [message.raw for message in History.of(entries(bodies)).context().messages] == sent
