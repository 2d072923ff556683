"""The transcript: every type in words, long things shortened, nothing that a terminal would obey."""

from pathlib import Path

import pytest
from store_help import line_1, turn

from forkcli.core import entries as e
from forkcli.core.messages import text_block
from forkcli.store.reading import read_history
from forkcli.store.transcript import render

GOLDEN = Path(__file__).parent.parent / "golden/history-v1/every_type.jsonl"


def shown(body: e.Body, seq: int = 42) -> str:
    return render(e.Entry(e.Seq(seq), "2026-11-22T09:25:00.000Z", body)).decode()


def answer(*blocks: e.Block, **more: object) -> str:
    return shown(e.Assistant(blocks, **{"stop_reason": "end_turn", "usage": e.Usage(), "model": "m", **more}))


def test_a_turn_reads_like_a_protocol() -> None:
    text = "".join(shown(body, seq) for seq, body in enumerate([line_1(), *turn()], 1))

    assert text == (
        "# 20261122-0925-k3f · main\n\nmain · claude-opus-5-5 · /p · 2026-11-22T09:25:00.000Z\n\n"
        "## Prompt · 2026-11-22T09:25:00.000Z\n\nWhat is here?\n\n"
        "[checkpoint 3]\n\n"
        "## Answer · claude-opus-5-5 · 2026-11-22T09:25:00.000Z\n\n> Look.\n\nI look.\n\n"
        '**bash** `toolu_1` {"command": "ls"}\n\n'
        "**result of bash** `toolu_1` · exit 0 · 12 ms\n```\nREADME.md\nsrc\n```\n\n"
        "> fork: The context is 71 % full.\n\n"
        "[checkpoint 8]\n\n"
        "## Answer · claude-opus-5-5 · 2026-11-22T09:25:00.000Z\n\nA README and a folder. ✓\n\n"
    )


def test_every_type_has_words_but_the_start_of_a_call() -> None:
    entries = read_history(GOLDEN).entries
    silent = {type(entry.body).__name__ for entry in entries if not render(entry)}

    assert silent == {"ToolStart"}
    text = b"".join(render(entry) for entry in entries).decode()
    for words in (
        "Whole data: outputs/0001-stdin.txt",
        "## Message from user",
        "> asked for `net`: make — answered always",
        "**error of bash** `toolu_1` · exit 2 · 812 ms · changed a.py · whole output: outputs/0002-bash.txt",
        "> the answer was cut off here\n\ncut o",
        "> model: claude-sonnet-5, effort high",
        "> access: read, network off",
        "> error (unavailable): the API is overloaded",
        "> interrupted by the signal: SIGTERM",
        "> resumed · ",
    ):
        assert words in text


def test_long_results_are_shortened_in_the_middle() -> None:
    result = e.ToolResult(e.CallId("c"), "bash", (text_block("a" * 5000 + "end"),))
    text = shown(result)

    assert "[… 3003 characters left out …]" in text
    assert text.endswith("aend\n```\n\n")
    assert len(text) < 2300


def test_long_inputs_stand_in_fences() -> None:
    call = {
        "type": "tool_use",
        "id": "c",
        "name": "write",
        "input": {"path": "a.md", "content": "# A\n```\ncode\n```\n"},
    }
    text = answer(call)

    assert '**write** `c` {"path": "a.md"}\ncontent:\n````\n# A\n' in text
    assert "\n````\n" in text


@pytest.mark.parametrize("args", [None, "text", [1]])
def test_an_input_that_is_no_object_is_shown_as_it_is(args: object) -> None:
    assert "**bash** `c`" in answer({"type": "tool_use", "id": "c", "name": "bash", "input": args})


def test_a_call_without_input_and_blocks_of_other_kinds_are_named() -> None:
    assert "**bash** `c`\n\n[redacted_thinking]" in answer(
        {"type": "tool_use", "id": "c", "name": "bash", "input": {}}, {"type": "redacted_thinking", "data": "x"}
    )
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA" * 9999}}
    text = shown(e.ToolResult(e.CallId("c"), "read", (image, {"type": "image"})))
    assert "[image image/png]\n[image ]" in text


def test_an_unusual_end_is_told() -> None:
    assert "> stopped: max_tokens" in answer(stop_reason="max_tokens")
    assert "stopped" not in answer(stop_reason="tool_use")
    assert "> the answer was cut off here" in answer(cut=True)


@pytest.mark.parametrize(
    "body",
    [
        e.Prompt("\x1b]52;c;evil\x07\x9b31m\u202eabc\x7f\r", ()),
        e.Notice("\x1b[2J"),
        e.Message("user", "\x1b[2J"),
        e.ToolResult(e.CallId("c"), "bash\x1b", (text_block("\x1b[2J\x00"),)),
        e.Failure("failed", "\x1b[2J"),
    ],
)
def test_nothing_that_a_terminal_would_obey_is_in_it(body: e.Body) -> None:
    text = shown(body)

    assert not set(text) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E)}


def test_what_utf8_cannot_hold_is_escaped() -> None:
    assert "a\\ud800b" in shown(e.Prompt("a\ud800b", ()))


def test_a_small_event_says_no_more_than_it_knows() -> None:
    assert shown(e.Interrupt("user")).startswith("> interrupted by the user · ")
    assert shown(e.ModelChange("m", None)).startswith("> model: m · ")
