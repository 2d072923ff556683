"""Scripts from JSON files, manual mode, and the program that serves them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scripted_wire import BASH, At, ask, assistant, events, post, result, sdk, use, user

from forkcli.errors import ForkError, Kind
from forkcli.models.scripted import Fault, Reply, ScriptedServer, say, think
from forkcli.models.scripted.__main__ import main
from forkcli.models.scripted.load import load_script, parse_reply
from forkcli.models.scripted.manual import Manual, request_as_text
from forkcli.models.scripted.server import ScriptedServer as Server


def written(folder: Path, value: object) -> Path:
    path = folder / "script.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_a_script_says_in_json_what_it_says_in_python(tmp_path: Path) -> None:
    replies = load_script(
        written(
            tmp_path,
            {
                "replies": [
                    "hello",
                    ["one", {"think": "two"}, {"call": "bash", "input": {"command": "ls"}}],
                    {
                        "content": [{"type": "text", "text": "x"}],
                        "delay_s": 1,
                        "tokens_per_s": 20.5,
                        "when": "a",
                        "times": 0,
                    },
                    {"fault": "cut"},
                    {"content": "y", "fault": {"kind": "status", "status": 429, "retry_after": 2, "consumes": True}},
                    {"content": [{"call": "bash"}], "stop_reason": "max_tokens", "usage": {"input_tokens": 5}},
                    {"stop_reason": "refusal", "stop_details": {"category": "cyber"}, "chunk_chars": 3},
                ]
            },
        )
    )
    hello, mixed, timed, cut, limited, halted, refused = replies
    assert hello == Reply([say("hello")])
    assert mixed.content[:2] == [say("one"), think("two")]
    assert {k: v for k, v in mixed.content[2].items() if k != "id"} == {
        "type": "tool_use",
        "name": "bash",
        "input": {"command": "ls"},
    }
    assert re.fullmatch(r"toolu_\w+", mixed.content[2]["id"])
    assert timed == Reply([say("x")], delay_s=1, tokens_per_s=20.5, when="a", times=0)
    assert cut == Reply([], fault=Fault("cut"))
    assert limited.fault == Fault("status", status=429, retry_after=2, consumes=True)
    assert (halted.stop, halted.usage) == ("max_tokens", {"input_tokens": 5})
    assert (refused.stop, refused.stop_details) == ("refusal", {"category": "cyber"})


def test_a_bare_list_is_a_script(tmp_path: Path) -> None:
    assert load_script(written(tmp_path, ["a", "b"])) == [Reply([say("a")]), Reply([say("b")])]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{", "is not JSON"),
        ("\ufeff[]", "is not JSON"),
        ({"answers": []}, "no list of replies"),
        (7, "no list of replies"),
        ([7], "reply 1 is not an object"),
        ([{"contents": "x"}], "reply 1: unknown field contents"),
        (["a", {"content": 7}], "reply 2: content has a wrong type"),
        ([{"content": "x", "times": True}], "times has a wrong type"),
        ([{"content": "x", "times": -1}], "reply 1: a reply needs"),
        ([{"content": "x", "tokens_per_s": 0}], "tokens_per_s above 0"),
        ([[7]], "block 1 is neither"),
        ([[{"call": "bash", "args": {}}]], "block 1: unknown field args"),
        ([[{"call": 7}]], "tool_use.name"),
        ([[{"call": "bash", "input": "ls"}]], "tool_use.input"),
        ([[{"type": "tool_result", "tool_use_id": "t"}]], "Input tag 'tool_result'"),
        ([[{"text": "x"}]], "type: Field required"),
        ([[" "]], ""),
        ([{"fault": "explode"}], "there is no kind 'explode'"),
        ([{"fault": {"kind": "cut", "after": 3}}], "fault: unknown field after"),
        ([{"fault": {"kind": "reject_field"}}], "needs the name of a field"),
        ([{"fault": {"status": 429}}], "there is no kind None"),
        ([{"fault": 7}], "fault has a wrong type"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_sentence_with_its_place(tmp_path: Path, value: object, words: str) -> None:
    path = written(tmp_path, value)
    if not words:
        load_script(path)
        return
    with pytest.raises(ForkError, match=re.escape(words)) as bad:
        load_script(path)
    assert bad.value.kind is Kind.USAGE
    assert str(path) in bad.value.sentence
    assert not bad.value.sentence.endswith(".")


def test_a_script_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ForkError, match="cannot read the script"):
            load_script(path)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ForkError, match="is not JSON"):
        load_script(binary)
    deep = tmp_path / "deep"
    deep.write_text("[" * 100_000)
    with pytest.raises(ForkError, match="is not JSON"):
        load_script(deep)


def test_a_reply_names_every_field_that_there_is() -> None:
    everything = {name: getattr(Reply([say("x")]), name) for name in Reply.__slots__}
    given = {k: v for k, v in everything.items() if v is not None} | {"content": "x"}
    assert parse_reply(given, "here") == Reply([say("x")])
    fault = {name: getattr(Fault("cut"), name) for name in Fault.__slots__ if getattr(Fault("cut"), name) is not None}
    assert parse_reply({"fault": fault}, "here").fault == Fault("cut")


# --- a person plays the model ---------------------------------------------------------------------------------------


@contextmanager
def manual(folder: Path, **options: object) -> Iterator[Server]:
    with ScriptedServer(Manual(folder), **options) as server:
        yield server


async def appears(path: Path) -> str:
    end = time.monotonic() + 30
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end, f"{path.name} did not appear"
        await asyncio.sleep(0.02)
    return path.read_text()


async def test_a_person_answers_in_text_and_then_with_a_call(tmp_path: Path) -> None:
    folder = tmp_path / "new/folder"
    with manual(folder) as server:
        async with sdk(server) as client:
            request = ask(user("do it"), system="Be good.", tools=[BASH])
            first = asyncio.create_task(events(client, request))
            shown = await appears(folder / "001-request.md")
            assert "Be good." in shown
            assert "**bash**" in shown
            assert "do it" in shown
            assert json.loads((folder / "001-request.json").read_text())["messages"] == request["messages"]
            (folder / "001-reply.json").write_text('["I look.", {"call": "bash", "input": {"command": "ls"}}]')
            got = await first
            assert got[-2]["delta"]["stop_reason"] == "tool_use"
            said, calls = server.requests[0].sent
            second = asyncio.create_task(
                events(
                    client,
                    {
                        **request,
                        "messages": [user("do it"), assistant(said, calls), user(result(calls["id"], "a.txt"))],
                    },
                )
            )
            shown = await appears(folder / "002-request.md")
            assert "a.txt" in shown
            assert "Be good." not in shown
            (folder / "002-reply.md").write_text("All done.\n")
            await second
    assert server.requests[1].sent == [say("All done.")]
    assert server.refusals == []


async def test_a_reply_that_cannot_be_used_can_be_mended(tmp_path: Path) -> None:
    with manual(tmp_path, ping_s=0.1) as server:
        async with sdk(server) as client:
            waiting = asyncio.create_task(events(client, ask()))
            await appears(tmp_path / "001-request.md")
            (tmp_path / "001-reply.json").write_text('[{"call": ')
            assert "not JSON" in await appears(tmp_path / "001-error.txt")
            (tmp_path / "001-reply.json").write_text('[{"shout": "x"}]')
            while "type: Field required" not in (tmp_path / "001-error.txt").read_text():
                await asyncio.sleep(0.02)
            (tmp_path / "001-reply.json").write_text('["fine"]')
            await waiting
    assert server.requests[0].sent == [say("fine")]
    assert not (tmp_path / "001-error.txt").exists()


async def test_numbers_go_on_from_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "041-request.md").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "042-reply.md").write_text("old too")
    with manual(tmp_path) as server:
        async with sdk(server) as client:
            waiting = asyncio.create_task(events(client, ask()))
            await appears(tmp_path / "043-request.md")
            (tmp_path / "043-reply.md").write_text("new")
            await waiting
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_request_is_readable_whatever_it_holds() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    long = ask(
        user("x" * 10_000, picture),
        assistant(think("hm"), use("t1", command="ls")),
        user(result("t1", "no", is_error=True)),
    )
    shown = request_as_text(long, "007")
    assert "error of t1" in shown
    assert '{"command": "ls"}' in shown
    assert "007-request.json" in shown
    first = request_as_text(ask(user("x" * 10_000, picture, "\ud83d")), "001")
    assert "6000 more characters" in first
    assert "(image)" in first


# --- the program ----------------------------------------------------------------------------------------------------


@contextmanager
def program(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The program as a process, and the lines that it printed at its start."""
    command = [sys.executable, "-m", "forkcli.models.scripted", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, [process.stdout.readline() for _ in range(2)]
        finally:
            process.kill()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_a_script_until_it_is_stopped(tmp_path: Path, stop: signal.Signals) -> None:
    path = written(tmp_path, ["hello"])
    with program(str(path)) as (process, (url, command)):
        assert f"fork --base-url {url.strip()}" in command
        assert post(At(url.strip()), ask())[1]["content"] == [say("hello")]
        process.send_signal(stop)
        assert process.wait(5) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_serves_a_person(tmp_path: Path) -> None:
    with program("--manual", str(tmp_path / "desk")) as (process, (url, _)):
        assert process.stdout is not None
        assert str(tmp_path / "desk") in process.stdout.readline()
        (tmp_path / "desk/001-reply.md").write_text("by hand")
        assert post(At(url.strip()), ask())[1]["content"] == [say("by hand")]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing.json"], 2, "cannot read the script nothing.json"),
        ([], 2, "give either"),
        (["a.json", "--manual", "b"], 2, "give either"),
        (["--port", "x"], 2, "invalid int"),
        (["--manual", "desk", "--port", "99999"], 1, "cannot start"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        got = main(arguments)
    except SystemExit as end:
        got = int(str(end.code))
    said = capsys.readouterr().err
    assert got == code
    assert words in said
    assert "Traceback" not in said


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ScriptedServer() as server:
        port = server.base_url.rpartition(":")[2]
        assert main([str(written(tmp_path, [])), "--port", port]) == 1
    assert "in use" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["script.json"]
