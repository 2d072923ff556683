"""The REPL as a process on a real pseudo-terminal: it draws, resizes, answers to signals, and leaves it as it was."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


class Terminal:
    """A pseudo-terminal with a REPL on it."""

    def __init__(self, tmp_path: Path, columns: int, rows: int, env: dict[str, str]) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self._master, self.slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        # XTERM_VERSION: like xterm, the emulator here cuts rows when it gets narrower, it does not fold them
        given = {"PATH": os.environ["PATH"], "TERM": "xterm", "XTERM_VERSION": "1"}
        given |= {"PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "pty_program.py"), str(tmp_path / "input")],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=given | env,
            start_new_session=True,
            cwd=tmp_path,
        )

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.screen.display)

    def read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._master], [], [], seconds)
        if ready:
            data = os.read(self._master, 65536)
            self.raw += data
            self._stream.feed(data)

    def see(self, *words: str) -> None:
        end = time.monotonic() + 30
        while not all(word in self.text for word in words):
            assert time.monotonic() < end, f"never saw {words}:\n{self.text}"
            self.read(0.05)

    def end(self) -> int:
        limit = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < limit, f"it does not end:\n{self.text}"
            self.read(0.05)
        self.read(0)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self.slave)


@contextmanager
def terminal(tmp_path: Path, columns: int = 80, rows: int = 24, **env: str) -> Iterator[Terminal]:
    here = Terminal(tmp_path, columns, rows, env)
    try:
        yield here
    finally:
        here.close()


def test_a_turn_on_a_real_terminal_and_a_clean_end(tmp_path: Path) -> None:
    with terminal(tmp_path) as here:
        here.see("›", "claude-opus-5")
        here.type("one thing\r")
        here.see("› one thing", "Answer to one thing␛]0;owned␇.", "1 step")
        assert b"\x1b]0;owned" not in here.raw
        here.type("\x04")
        assert here.end() == 0
        assert termios.tcgetattr(here.slave) == here.before
        assert here.raw.rfind(b"\x1b[?2004l") > here.raw.rfind(b"\x1b[?2004h")
        assert here.raw.rfind(b"\x1b[?25h") > here.raw.rfind(b"\x1b[?25l")


def test_esc_stops_and_the_terminal_goes_on(tmp_path: Path) -> None:
    with terminal(tmp_path) as here:
        here.see("claude-opus-5")
        here.type("slow\r")
        here.see("Slowly", "unfinished", "esc stops")
        here.type("\x1b")
        here.see("■ stopped by you")
        here.type("again\r")
        here.see("Answer to again")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_time_with_the_terminal_restored(tmp_path: Path, number: signal.Signals) -> None:
    with terminal(tmp_path) as here:
        here.see("claude-opus-5")
        here.type("slow\r")
        here.see("esc stops")
        here.process.send_signal(number)
        assert here.end() == 143
        assert termios.tcgetattr(here.slave) == here.before


def test_an_interrupt_from_outside_is_like_ctrl_c(tmp_path: Path) -> None:
    with terminal(tmp_path) as here:
        here.see("claude-opus-5")
        here.type("draft")
        here.see("› draft")
        here.process.send_signal(signal.SIGINT)
        here.see("ctrl-c again quits")
        assert "draft" not in here.text


def test_a_question_is_not_answered_by_what_was_typed_before_it(tmp_path: Path) -> None:
    with terminal(tmp_path) as here:
        here.see("claude-opus-5")
        here.type("ask\ry")
        here.see("Allow it?", "› y")
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            here.read(0.05)
        assert "you allowed" not in here.text
        here.type("n")
        here.see("✗ you did not allow it")


def test_it_follows_the_size_of_the_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, 100, 30) as here:
        here.see("claude-opus-5 · high", "shop (main)")
        here.resize(40, 20)
        here.screen.resize(20, 40)
        here.process.send_signal(signal.SIGWINCH)
        end = time.monotonic() + 30
        while "cached" in here.text.split("claude-opus-5")[-1]:
            assert time.monotonic() < end, here.text
            here.read(0.05)
        here.type("a text that is longer than forty columns are wide\r")
        here.see("Answer to", "context 18%")
        assert here.text.count("context 18%") == 1


def test_colours_are_left_out_when_they_are_not_wanted(tmp_path: Path) -> None:
    with terminal(tmp_path, NO_COLOR="1") as here:
        here.see("claude-opus-5")
        here.type("x\r")
        here.see("1 step")
        assert not any(f"\x1b[{code}m".encode() in here.raw for code in (31, 32, 33, 34, 36))


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path) -> None:
    with terminal(tmp_path, TERM="dumb") as here:
        here.see("fork", "›")
        here.type("ask\n")
        here.see("Allow it?")
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            here.read(0.05)
        here.type("y\n")
        here.see("you allowed it with network, once", "Answer to ask")
        assert here.text.count("› ask") == 1
        assert b"\x1b" not in here.raw
        here.type("\x04")
        assert here.end() == 0


def test_lines_from_a_pipe_are_turns_and_its_end_is_the_end(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "pty_program.py"), str(tmp_path / "input")],
        input="first\n", capture_output=True, text=True, timeout=40, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
    )  # fmt: skip
    assert "Answer to first" in done.stdout
    assert "\x1b" not in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
