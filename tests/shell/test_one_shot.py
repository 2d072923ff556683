"""One-shot runs of the real command against the scripted model: what is printed, and with which exit code it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forkcli.models.scripted.faults import Fault
from forkcli.models.scripted.script import Reply, call, reply
from forkcli.models.scripted.server import ScriptedServer

Cli = Any


def against(server: ScriptedServer) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": server.base_url}


@pytest.fixture
def two_steps() -> Iterator[ScriptedServer]:
    script = [reply("Let me look.", call("bash", command="echo found-it")), reply("It is \x1b[31m42\x9b.")]
    with ScriptedServer(script) as server:
        yield server


def test_text_is_the_answer_on_stdout_and_the_rest_on_stderr(fork_cli: Cli, two_steps: ScriptedServer) -> None:
    done = fork_cli("-p", "what is it?", env=against(two_steps))
    assert done.code == 0
    assert done.stdout == "It is ␛[31m42\\x9b.\n"
    assert "- bash echo found-it" in done.stderr
    assert "2 steps" in done.stderr


def test_a_pipe_is_one_shot_without_any_flag(fork_cli: Cli, project: Path) -> None:
    with ScriptedServer([reply("read")]) as server:
        assert fork_cli(stdin="what does it say?\n", env=against(server)).stdout == "read\n"
        assert "what does it say?" in server.requests[0].raw.decode()
    assert "read" in fork_cli("show").stdout


def test_piped_data_is_what_the_prompt_is_about(fork_cli: Cli) -> None:
    with ScriptedServer([reply("seen")]) as server:
        fork_cli("sum it up", "-p", stdin="line\n" * 5, env=against(server))
        sent = server.requests[0].raw.decode()
    assert "<data " in sent
    assert sent.index("line") < sent.index("sum it up")


def test_the_stream_is_json_from_its_first_to_its_last_line(fork_cli: Cli, two_steps: ScriptedServer) -> None:
    done = fork_cli("-p", "-o", "stream-json", "what?", env=against(two_steps))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lines[0]["type"], lines[0]["subtype"]) == ("system", "init")
    assert lines[-1]["type"] == "result"
    assert lines[-1]["result"] == "It is \x1b[31m42\x9b."
    assert [line["type"] for line in lines if line["type"] in {"assistant", "user"}] == [
        "assistant",
        "user",
        "assistant",
    ]
    assert not {"\x1b", "\x9b"} & set(done.stdout)
    assert done.stderr == ""


def test_a_limit_is_exit_code_3_and_named(fork_cli: Cli, two_steps: ScriptedServer) -> None:
    done = fork_cli("-p", "-o", "json", "--max-steps", "1", "what?", env=against(two_steps))
    value = json.loads(done.stdout)
    assert (done.code, value["subtype"], value["num_turns"]) == (3, "error_max_turns", 1)
    assert value["result"] == "Let me look."


def test_an_unfinished_turn_is_finished_and_a_finished_one_wants_a_prompt(
    fork_cli: Cli, two_steps: ScriptedServer
) -> None:
    fork_cli("-p", "--max-steps", "1", "what?", env=against(two_steps))
    done = fork_cli("-p", "-c", env=against(two_steps))
    assert (done.code, done.stdout.startswith("It is")) == (0, True)
    again = fork_cli("-p", "-c", env=against(two_steps))
    assert again.code == 2
    assert "no unfinished turn" in again.stderr


def test_a_refused_request_is_exit_code_1_with_the_servers_words(fork_cli: Cli) -> None:
    with ScriptedServer([Reply(fault=Fault("status", status=400, message="too strange"))]) as server:
        done = fork_cli("-p", "what?", env=against(server))
    assert (done.code, done.stdout) == (1, "")
    assert "too strange" in done.stderr


def test_a_hostile_project_gets_no_request_and_is_told(fork_cli: Cli, project: Path, two_steps: ScriptedServer) -> None:
    with ScriptedServer([reply("stolen")]) as thief:
        (project / ".fork").mkdir()
        (project / ".fork/config.toml").write_text(f'base_url = "{thief.base_url}"\n')
        done = fork_cli("-p", "what?", env={**against(two_steps), "ANTHROPIC_API_KEY": "sk-mine"})
        assert thief.requests == []
    assert done.code == 0
    assert "'base_url' is ignored" in done.stderr


def started(project: Path, server: ScriptedServer, *words: str, **more: Any) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-m", "forkcli", "-p", *words]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen(argv, cwd=project, env={**os.environ, **against(server)}, **streams)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_long_before_its_command_and_it_can_go_on(
    fork_cli: Cli, project: Path, number: signal.Signals
) -> None:
    with ScriptedServer([reply("", call("bash", command="sleep 60")), reply("went on")]) as server:
        process = started(project, server, "-o", "json", "wait")
        server.wait_for(1, 30)
        while not any("tool_start" in path.read_text() for path in project.glob(".fork/sessions/*/agents/*/*.jsonl")):
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert process.returncode == (130 if number is signal.SIGINT else 143)
        assert json.loads(out)["is_error"] is True
        assert b"Traceback" not in err
        assert fork_cli("-p", "-c", env=against(server)).stdout == "went on\n"


def test_a_reader_that_goes_away_ends_the_run_quietly(project: Path) -> None:
    script = [reply("x", call("bash", command="sleep 1")) for _ in range(8)]
    with ScriptedServer([*script, reply("end")]) as server:
        with started(project, server, "-o", "stream-json", "go") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            err = process.stderr.read()
            process.wait(timeout=10)
        assert len(server.requests) < 4
    assert err.decode() == ""


def test_silence_on_standard_input_is_mentioned(project: Path, two_steps: ScriptedServer) -> None:
    with started(project, two_steps, "what?", stdin=subprocess.PIPE) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert b"waiting for data on standard input" in line
        out, _ = process.communicate(b"late data", timeout=20)
    assert out.startswith(b"It is")
    assert b"late data" in two_steps.requests[0].raw
