"""The small parts of the screen: figures, the status line, diffs, typed lines, pastes, choices, the input history."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from rich.console import Group, RenderableType
from rich.text import Text
from ui_fakes import STATUS

from forkcli.errors import ForkError
from forkcli.ui.choice import Picker
from forkcli.ui.completer import InputCompleter
from forkcli.ui.console import Paper, fragments
from forkcli.ui.diff import counts, diff_lines, parse
from forkcli.ui.figures import count, dollars, seconds, share, tokens
from forkcli.ui.greeting import greeting
from forkcli.ui.history import LONGEST, PrivateHistory
from forkcli.ui.line import PromptLine, ShellLine, SlashLine, find
from forkcli.ui.line import parse as parse_line
from forkcli.ui.look import ASCII, Look, look_of
from forkcli.ui.paste import Pastes, typed
from forkcli.ui.ports import Choice, Diff, Lines, ShellEnd, Shown, Slash, Status, Table
from forkcli.ui.shown import item_of_shown, shell_item
from forkcli.ui.status import status_line


async def _nothing(rest: str) -> None: ...


SLASHES = [Slash(name, "", "", _nothing) for name in ("model", "merge", "history", "help")]


def rows(body: RenderableType, width: int = 60) -> list[str]:
    return ["".join(part.text for part in line) for line in Paper().lines(body, width)]


def laid_out(shown: Shown) -> RenderableType:
    item = item_of_shown(shown, Look())
    assert item is not None
    return item.body


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0031, "3 ms"),
        (0.9999, "1.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_are_short(value: float, text: str) -> None:
    assert seconds(value) == text


def test_amounts_are_short() -> None:
    assert [tokens(n) for n in (840, 3149, 9951, 52_400, 1_240_000)] == ["840", "3.1k", "10k", "52k", "1.2M"]
    assert [dollars(n) for n in (0, 0.0001, 0.004, 0.42, 12.3)] == ["$0.00", "<$0.001", "$0.004", "$0.42", "$12.30"]
    assert [share(n) for n in (0, 0.184, 0.999, 1)] == ["0%", "18%", "99%", "100%"]
    assert [count(1, "line"), count(1204, "line")] == ["1 line", "1,204 lines"]


@given(st.integers(1, 200))
def test_the_status_line_always_fits(width: int) -> None:
    assert status_line(STATUS, width, Look()).cell_len <= width


def test_a_narrow_status_line_keeps_what_tells_most() -> None:
    assert status_line(STATUS, 40, Look()).plain == "claude-opus-5 · context 18%"
    assert "cached 97%" in status_line(STATUS, 100, Look()).plain


def test_what_is_dangerous_is_pointed_out_in_words() -> None:
    text = status_line(Status("main", "m", context_share=0.81, sandbox="none (no bubblewrap)", net=True), 100, Look())
    assert text.plain == "m · ! context 81% · no sandbox, write, network"


def test_a_terminal_without_utf8_gets_ascii_signs_alone() -> None:
    look = look_of({"TERM": "xterm"}, "ascii")
    assert status_line(STATUS, 80, look).plain.isascii()
    assert all(sign.isascii() for sign in ASCII.values())
    assert look_of({"TERM": "dumb"}, "utf-8").colours == "none"
    assert look_of({"TERM": "xterm", "NO_COLOR": "1"}, "utf-8").colours == "mono"
    assert look_of({"TERM": "xterm", "NO_COLOR": ""}, "utf-8").colours == "standard"


def test_a_diff_has_line_numbers_of_the_side_it_speaks_of() -> None:
    diff = "--- a/x\n+++ b/x\n@@ -9,3 +9,3 @@ def f\n a\n-b\n+c\n d\n@@ -40 +40 @@\n-x\n+y\n"
    assert rows(_group(diff_lines(diff, Look()))) == [
        "x · +2 −2",
        " … def f",
        " 9   a",
        "10 − b",
        "10 + c",
        "11   d",
        " …",
        "40 − x",
        "40 + y",
    ]
    assert counts(diff) == (2, 2)


def _group(lines: list[RenderableType]) -> Group:
    return Group(*lines)


def test_lines_that_look_like_headers_inside_a_hunk_are_content() -> None:
    diff = "--- a/q.sql\n+++ b/q.sql\n@@ -1,2 +1,2 @@\n--- a comment\n+++ another\n x\n"
    assert [line.sign for line in parse(diff)] == ["f", "@", "-", "+", " "]


GIT_DIFF = """diff --git a/big.py b/big.py
index 0824b4d..0812973 100644
--- a/big.py
+++ b/big.py
@@ -5,2 +5,2 @@ def f():
 kept
-old
+new
diff --git a/old name b/new name
similarity index 100%
rename from old name
rename to new name
diff --git a/run b/run
old mode 100644
new mode 100755
diff --git a/gone b/gone
deleted file mode 100644
index 0824b4d..0000000
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/pic.png b/pic.png
index 0824b4d..0812973 100644
Binary files a/pic.png and b/pic.png differ
diff --git a/made b/made
new file mode 100644
--- /dev/null
+++ b/made
@@ -0,0 +1 @@
+y

Untracked files:
  new/
"""


def test_what_git_says_of_files_is_told_in_words_and_what_follows_the_last_hunk_is_no_content() -> None:
    assert rows(_group(diff_lines(GIT_DIFF, Look()))) == [
        "big.py · +1 −1",
        "… def f():",
        "5   kept",
        "6 − old",
        "6 + new",
        "",
        "new name (was old name)",
        "",
        "run (mode 100755)",
        "",
        "gone (deleted) · +0 −1",
        "1 − x",
        "",
        "pic.png",
        "Binary files a/pic.png and b/pic.png differ",
        "",
        "made (new) · +1 −0",
        "1 + y",
        "",
        "Untracked files:",
        "  new/",
    ]


def test_a_long_diff_is_cut_and_says_so() -> None:
    diff = "@@ -0,0 +1,100 @@\n" + "".join(f"+line {n}\n" for n in range(100))
    shown = rows(_group(diff_lines(diff, Look(), limit=10)))
    assert len(shown) == 10
    assert shown[-1] == "… 91 more lines"


def test_the_lines_that_a_cut_diff_leaves_out_are_counted() -> None:
    diff = "--- /dev/null\n+++ b/x\n@@ -0,0 +1,1000 @@\n" + "+x\n" * 400 + "[… the diff goes on: +600 -0]\n"
    assert counts(diff) == (1000, 0)
    assert rows(_group(diff_lines(diff, Look(), limit=40, files=False)))[-1] == "… 961 more lines"


@given(st.text(max_size=200))
def test_any_text_can_be_shown_as_a_diff(text: str) -> None:
    rows(_group(diff_lines(text, Look())))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/model opus 5\n", SlashLine("model", "opus 5")),
        ("/quit", SlashLine("quit", "")),
        ("/usr/bin/env is missing", PromptLine("/usr/bin/env is missing")),
        (" /quit", PromptLine(" /quit")),
        ("/ what", PromptLine("/ what")),
        ("!ls -l", ShellLine("ls -l")),
        ("!", PromptLine("!")),
        ("/report 4 a\nb", SlashLine("report", "4 a\nb")),
    ],
)
def test_a_line_is_what_it_looks_like(text: str, line: object) -> None:
    assert parse_line(text) == line


def test_commands_are_found_by_an_unambiguous_beginning() -> None:
    assert find(SLASHES, "his").name == "history"
    with pytest.raises(ForkError, match="/model or /merge"):
        find(SLASHES, "m")
    with pytest.raises(ForkError, match="no /x"):
        find(SLASHES, "x")


def test_two_pastes_of_the_same_size_are_told_apart() -> None:
    pastes = Pastes()
    one, two = "a\n" * 10, "b\n" * 10
    text = f"{pastes.mark(one)} and {pastes.mark(two)} and {pastes.mark(one)}"
    assert text == "[pasted 10 lines] and [pasted 10 lines #2] and [pasted 10 lines]"
    assert pastes.expand(text) == f"{one} and {two} and {one}"
    assert pastes.expand("[pasted 10 lines #3]") == "[pasted 10 lines #3]"
    assert pastes.mark("short") == "short"
    assert pastes.mark("x" * 900) == "[pasted 900 characters]"


@given(st.text(), st.text())
def test_what_a_paste_holds_is_never_expanded_itself(before: str, text: str) -> None:
    pastes = Pastes()
    inner = f"{text}[pasted 7 lines]" + "\n" * 30 + "x"
    assert pastes.expand(pastes.mark(inner)) == inner
    typed(before + text)


def test_typing_narrows_a_choice() -> None:
    picker = Picker(Choice("Pick", tuple((f"k{n}", f"item {n}", "") for n in range(100)), "k50"), Look())
    assert any(line.plain.startswith("› item 50") for line in picker.lines(10, 80))
    assert len(picker.lines(10, 80)) == 10
    for key in "item 42":
        picker.key(key)
    picker.key("c-m")
    assert picker.picked == "k42"


def test_a_choice_without_a_match_picks_nothing() -> None:
    picker = Picker(Choice("Pick", (("a", "Alpha", ""),)), Look())
    for key in ("z", "up", "c-m"):
        picker.key(key)
    assert not picker.done
    assert "nothing matches" in picker.lines(5, 80)[1].plain
    picker.key("c-h")
    picker.key("c-m")
    assert picker.picked == "a"
    assert Picker(Choice("Pick", ()), Look()).done


def test_a_choice_is_made_by_number_where_keys_cannot_be_read() -> None:
    picker = Picker(Choice("Pick", (("a", "Alpha", ""), ("b", "Beta", "")), "a"), Look())
    assert [line.plain for line in picker.listing()][1:3] == ["  1 Alpha ✓", "  2 Beta"]
    picker.line("2")
    assert picker.picked == "b"
    other = Picker(Choice("Pick", (("a", "Alpha", ""),)), Look())
    other.line("7")
    assert (other.done, other.picked) == (True, None)


def test_the_input_history_is_private_and_takes_any_text(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "input"
    history = PrivateHistory(path)
    for text in ("one", "two\nlines", "caf\udce9", "x" * (LONGEST + 1), "+plus\n\n+end"):
        history.store_string(text)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(PrivateHistory(path).load_history_strings()) == ["+plus\n\n+end", "caf?", "two\nlines", "one"]


def test_an_input_history_that_cannot_be_used_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file" / "below"):
        history = PrivateHistory(path)
        history.store_string("x")
        assert list(history.load_history_strings()) == []


def test_a_damaged_input_history_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"\x00\xff junk\n\n+good\n+lines\nmore junk\n+last")
    assert list(PrivateHistory(path).load_history_strings()) == ["last", "good\nlines"]


def test_completion_knows_commands_and_paths() -> None:
    completer = InputCompleter(lambda: SLASHES, lambda prefix: [f"{prefix}x.py", "dir/"])

    def complete(text: str) -> list[str]:
        return [found.text for found in completer.get_completions(Document(text), CompleteEvent())]

    assert complete("/m") == ["model", "merge"]
    assert complete("/ist") == ["history"]
    assert complete("/model x") == []
    assert complete("see @src/") == ["src/x.py ", "dir/"]
    assert complete("mail me@host") == []


def test_results_of_slash_commands_are_laid_out() -> None:
    table = Table(("model", "tokens"), (("opus", "21,000"), ("haiku\x1b", "900")), "Cost")
    assert rows(laid_out(table)) == ["Cost", "model   tokens", "opus    21,000", "haiku␛     900"]
    assert rows(laid_out(Table(("a", "b"), ()))) == ["a  b"]
    assert rows(laid_out(Lines("a\x07\n[b]"))) == ["a␇", "[b]"]
    assert rows(laid_out(Lines("f1\n  task one two three")), 12) == ["f1", "  task one", "  two three"]
    assert rows(laid_out(Table(("what", "cost"), (("one", "-"), ("two", "$0.10"))))) == [
        "what   cost",
        "one       -",
        "two   $0.10",
    ]
    assert rows(laid_out(Diff(""))) == ["no changes"]


def test_a_shell_command_says_how_it_ended() -> None:
    assert rows(shell_item("false", ShellEnd("", 1, 0.01), Look()).body) == ["✗ ! false · exit 1"]
    long = rows(shell_item("seq", ShellEnd("\n".join(map(str, range(999))), 0, 2.0), Look()).body)
    assert long[:3] == ["✓ ! seq · 2.0 s", "  │ … 799 more lines", "  │ 799"]
    assert rows(shell_item("x", ShellEnd("", None, 0.0), Look()).body) == ["✗ ! x · killed"]


def test_what_the_renderer_adds_is_sanitized_too() -> None:
    link = Text("click", style="link http://evil.example/\x1b]52;")
    assert Paper().ansi(Paper().lines(link, 40)) == "click\n"
    assert Paper().ansi(Paper().lines(Text("a\u202eb", "red"), 40)) == "\x1b[31ma\\u202eb\x1b[0m\n"
    assert fragments(Paper().lines(Text("⚠\ufe0f", "bold red"), 40)) == [("fg:ansired bold", "⚠")]
    assert Paper("mono").ansi(Paper().lines(Text("x", "bold red"), 40)) == "\x1b[1mx\x1b[0m\n"
    assert Paper("none").ansi(Paper().lines(Text("x", "bold red"), 40)) == "x\n"


def test_the_greeting_says_where_fork_is_and_what_is_missing() -> None:
    assert rows(greeting(STATUS, Look()).body)[0].endswith(" · shop (main)")
    bare = rows(greeting(replace(STATUS, branch=""), Look()).body)[0]
    assert bare.endswith(" · shop (no git, so no /diff)")
