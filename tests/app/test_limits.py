"""What ends a run before its answer: limits, signals, a reader that goes away. What is complete is kept."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time

import pytest
from app_kit import Desk, Serve, alive, begun, by_step, texts, until

from forkcli.core.decide import STOPPED
from forkcli.core.entries import Assistant, CallId, Checkpoint, Interrupt, ToolResult, ToolStart
from forkcli.core.messages import text_of
from forkcli.engine.toolrun import INTERRUPTED
from forkcli.models.scripted import Fault, Reply, call, fail, reply, say


def steps(count: int) -> list[Reply]:
    return [reply(call("bash", command=f"echo {n} >> trace")) for n in range(count)] + [reply("done")]


def trace(desk: Desk) -> str:
    path = desk.project / "trace"
    return path.read_text() if path.exists() else ""


def test_one_step_is_named_as_one(desk: Desk, serve: Serve) -> None:
    serve(by_step(*steps(2)))
    assert "the limit of 1 step was reached (--max-steps)" in desk.run("-p", "count", "--max-steps", "1").stderr


def test_a_run_stops_at_its_number_of_steps_and_goes_on_later(desk: Desk, serve: Serve) -> None:
    server = serve(by_step(*steps(3)))
    done = desk.run("-p", "count", "--max-steps", "2")
    assert done.code == 3
    assert "2 steps was reached (--max-steps)" in done.stderr
    assert trace(desk) == "0\n1\n"
    assert len(server.requests) == 2
    done = desk.run("-c", "-p")
    assert (done.code, done.stdout) == (0, "done\n")
    assert trace(desk) == "0\n1\n2\n"
    assert desk.findings() == []


def test_a_limit_of_cost_stops_nothing_where_there_are_no_prices(desk: Desk, serve: Serve) -> None:
    server = serve(by_step(*steps(3)))
    assert desk.run("-p", "count", "--max-cost", "0.01").code == 0
    assert len(server.requests) == 4


def test_a_limit_is_named_in_json(desk: Desk, serve: Serve) -> None:
    serve(by_step(*steps(3)))
    done = desk.run("-p", "count", "--max-steps", "1", "-o", "json")
    assert done.code == 3
    assert done.result["subtype"] == "error_max_turns"
    assert done.result["is_error"] is True


def test_a_timeout_ends_the_turn_and_the_next_run_takes_it_up(desk: Desk, serve: Serve, nap: str) -> None:
    serve(by_step(reply(call("bash", command=f"echo begun >> trace; sleep {nap}")), reply("done")))
    done = desk.run("-p", "wait", "--timeout", "1")
    assert done.code == 3
    assert "(--timeout)" in done.stderr
    until(lambda: alive(nap) == [])
    assert [body.by for body in desk.bodies(Interrupt)] == ["limit"]
    assert desk.run("-c", "-p").stdout == "done\n"
    assert trace(desk) == "begun\n"
    assert desk.results()[0].endswith(INTERRUPTED)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_ends_a_running_command_and_the_run(
    desk: Desk, serve: Serve, number: int, code: int, nap: str
) -> None:
    serve(by_step(reply(call("bash", command=f"echo so far; touch trace; sleep {nap} & sleep {nap}")), reply("no")))
    running = desk.start("-p", "wait")
    until((desk.project / "trace").exists)
    running.kill(number)
    assert running.wait() == code
    until(lambda: alive(nap) == [])
    (told,) = desk.results()
    heard = [line for line in told.splitlines() if "Killed" not in line]  # the shell may see its child die first
    assert heard == ["so far", INTERRUPTED]
    assert desk.findings() == []


def test_a_signal_while_an_answer_streams_keeps_what_had_come(desk: Desk, serve: Serve) -> None:
    server = serve(Reply([say("word " * 4000)], tokens_per_s=100), reply("And the rest."))
    running = desk.start("-p", "say words")
    until(lambda: begun(server))
    time.sleep(1.0)
    running.kill(signal.SIGTERM)
    assert running.wait() == 143
    (answer,) = desk.bodies(Assistant)
    assert answer.cut
    assert 0 < len(text_of(answer.content)) < 20_000
    done = desk.run("-c", "-p")
    assert done.code == 0
    assert done.stdout.endswith("And the rest.\n")
    assert STOPPED.text in texts(server.requests[-1].body)
    assert server.refusals == []
    assert desk.findings() == []


def test_a_call_in_an_answer_that_was_stopped_is_never_run(desk: Desk, serve: Serve) -> None:
    stalls = Fault("stall", seconds=60, after_events=14)
    server = serve(Reply([call("bash", command="touch ran"), say("and " * 90)], fault=stalls), reply("well"))
    running = desk.start("-p", "go")
    until(lambda: begun(server))
    time.sleep(0.3)
    running.kill(signal.SIGINT)
    assert running.wait() == 130
    assert desk.run("-c", "-p").stdout.endswith("well\n")
    assert not (desk.project / "ran").exists()


def test_a_signal_ends_the_waiting_for_an_endpoint(desk: Desk, serve: Serve) -> None:
    serve(fail(status=429, retry_after=60))
    running = desk.start("-p", "hello")
    until(lambda: "attempt 2" in running.stderr)
    running.kill(signal.SIGINT)
    assert running.wait() == 130


def test_a_signal_ends_the_waiting_for_data(desk: Desk, serve: Serve) -> None:
    serve(reply("never"))
    reader, writer = os.pipe()
    try:
        os.write(writer, b"some of it")
        running = desk.start("-p", "what is it", stdin=reader)
        until(lambda: not fcntl.ioctl(reader, termios.FIONREAD, b"\0" * 4).strip(b"\0"))  # it has read that, and waits
        running.kill(signal.SIGTERM)
        assert running.wait() == 143
    finally:
        os.close(reader)
        os.close(writer)


def test_a_signal_while_it_starts_is_no_failure_of_fork(desk: Desk) -> None:
    program = """
import os, signal, sys
from forkcli.__main__ import main
def audit(event, args):
    if event == "open" and args[0] == os.devnull:
        os.kill(os.getpid(), signal.SIGINT)
os.close(0)
sys.addaudithook(audit)
sys.argv = ["fork", "ls"]
sys.exit(main())
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=desk.project, capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT"])
def test_a_signal_that_whoever_started_it_had_ignored_stays_ignored(desk: Desk, serve: Serve, name: str) -> None:
    """So `nohup fork -p …` outlives its terminal, and Ctrl-C leaves alone what a script started in the background."""
    serve(Reply([say("word " * 20)], tokens_per_s=50))
    running = desk.start("-p", "say words", ignores=[name])
    desk.wait_for(Checkpoint)
    running.kill(getattr(signal, name))
    assert running.wait() == 0
    assert running.stdout.split() == ["word"] * 20


def test_a_signal_while_it_puts_things_away_still_ends_it_as_that_signal_does(desk: Desk, serve: Serve) -> None:
    slow = call("bash", command="trap '' TERM; sleep 64.64", background=True)
    serve(by_step(reply(slow), reply("done")))
    running = desk.start("-p", "go", "-o", "json")
    until(lambda: running.stdout)
    running.kill(signal.SIGTERM)
    assert running.wait() in {0, 143}
    until(lambda: alive("64.64") == [])


def test_two_signals_are_no_more_than_one(desk: Desk, serve: Serve) -> None:
    serve(by_step(reply(call("bash", command="touch trace; sleep 78.78")), reply("no")))
    running = desk.start("-p", "wait")
    until((desk.project / "trace").exists)
    for _ in range(5):
        running.kill(signal.SIGINT)
        time.sleep(0.005)
    assert running.wait() in {130, -signal.SIGINT}
    until(lambda: alive("78.78") == [])
    assert [body.call for body in desk.bodies(ToolStart)] == [body.call for body in desk.bodies(ToolResult)]
    assert desk.findings() == []


def test_a_signal_keeps_calls_that_were_not_begun_for_the_next_run(desk: Desk, serve: Serve) -> None:
    calls = [call("bash", command="touch trace; sleep 79.79"), call("bash", command="echo second >> second")]
    serve(by_step(reply(*calls), reply("done")))
    running = desk.start("-p", "wait")
    until((desk.project / "trace").exists)
    running.kill(signal.SIGTERM)
    assert running.wait() == 143
    assert not (desk.project / "second").exists()
    assert desk.run("-c", "-p").stdout == "done\n"
    assert (desk.project / "second").read_text() == "second\n"
    assert [CallId(c["id"]) for c in calls] == [body.call for body in desk.bodies(ToolResult)]


@pytest.mark.parametrize("form", ["text", "json", "stream-json"])
def test_a_reader_that_has_gone_away_ends_the_run_quietly(desk: Desk, serve: Serve, form: str) -> None:
    server = serve(by_step(*steps(3)))
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "forkcli", "-p", "count", "-o", form, "--base-url", server.base_url]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=desk.project,
        timeout=20,
        check=False,
    )
    os.close(writer)
    said = done.stderr.decode()
    assert "Traceback" not in said
    assert "Broken" not in said
    assert (done.returncode == 0) == (form != "stream-json")
    assert len(server.requests) <= (1 if form == "stream-json" else 4)
    assert desk.findings() == []


def test_a_closed_standard_output_is_no_error(desk: Desk, serve: Serve) -> None:
    server = serve(reply("nobody hears"))
    words = f"{sys.executable} -m forkcli -p hello --base-url {server.base_url} >&- < /dev/null"
    done = subprocess.run(
        ["bash", "-c", words], cwd=desk.project, capture_output=True, timeout=20, text=True, check=True
    )
    assert "error" not in done.stderr
