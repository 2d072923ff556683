"""What an endpoint can do wrong, and what the command makes of it: exit codes, sentences, nothing told twice."""

import pytest
from app_kit import Desk, Serve, by_step, texts

from forkcli.core.decide import CUT, TOO_LARGE
from forkcli.core.entries import Assistant, Failure, Notice
from forkcli.models.scripted import Fault, Reply, call, fail, reply, say, think

WORDS = "one two three four five six seven eight nine ten"


def test_an_overloaded_endpoint_is_asked_again(desk: Desk, serve: Serve) -> None:
    server = serve(fail(status=529), fail(status=503), reply("here"))
    done = desk.run("-p", "hello")
    assert (done.code, done.stdout) == (0, "here\n")
    first, *others = [request.raw for request in server.requests]
    assert others == [first, first]
    assert "attempt 2" in done.stderr
    assert "attempt 3" in done.stderr


def test_a_rate_limit_is_waited_out_as_long_as_the_server_asks(desk: Desk, serve: Serve) -> None:
    server = serve(fail(status=429, retry_after=1.2), reply("here"))
    assert desk.run("-p", "hello").stdout == "here\n"
    first, second = [request.at for request in server.requests]
    assert second - first >= 1.2


def test_a_rate_limit_beyond_all_patience_ends_the_run_at_once(desk: Desk, serve: Serve) -> None:
    serve(fail(status=429, retry_after=3600))
    done = desk.run("-p", "hello")  # which would not end in the time that it is given
    assert done.code == 75
    assert "rate limit" in done.stderr


@pytest.mark.parametrize(
    "fault",
    [
        Fault("cut", after_events=5, consumes=True),
        Fault("eof", after_events=5, consumes=True),
        Fault("rst", after_events=5, consumes=True),
        Fault("error_event", status=529, after_events=5, consumes=True),
        Fault("garbage", after_events=5, consumes=True),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("form", ["text", "stream-json"])
def test_a_broken_stream_counts_for_nothing_and_is_sent_again(
    desk: Desk, serve: Serve, fault: Fault, form: str
) -> None:
    server = serve(Reply([say("ten nine eight seven")], fault=fault, chunk_chars=4), reply(WORDS))
    done = desk.run("-p", "count", "-o", form)
    assert done.code == 0
    assert (done.stdout if form == "text" else done.result["result"] + "\n") == WORDS + "\n"
    assert len(server.requests) == 2
    assert [answer.content for answer in desk.bodies(Assistant)] == [(say(WORDS),)]


def test_a_stream_that_falls_silent_is_dropped(desk: Desk, serve: Serve) -> None:
    server = serve(Reply([say("ten nine")], fault=Fault("stall", seconds=60), chunk_chars=4), reply(WORDS))
    assert desk.run("-p", "count", "--idle-timeout", "1").stdout == WORDS + "\n"
    assert len(server.requests) == 2


def test_no_tool_of_a_broken_answer_runs(desk: Desk, serve: Serve) -> None:
    cut = Reply([call("bash", command="touch ran"), say("and then")], fault=Fault("cut", after_events=9, consumes=True))
    serve(cut, reply("no"))
    assert desk.run("-p", "go").stdout == "no\n"
    assert not (desk.project / "ran").exists()


def test_a_server_that_takes_no_connections_for_a_while_is_waited_for(desk: Desk, serve: Serve) -> None:
    serve(Reply(fault=Fault("refuse", seconds=1.0)), reply("back"))
    assert desk.run("-p", "hello").stdout == "back\n"


def test_a_refused_request_fails_with_the_servers_sentence(desk: Desk, serve: Serve) -> None:
    serve(
        Reply(
            fault=Fault("status", status=400, message="messages: the moon is in the wrong phase, " + "so " * 80 + "no")
        )
    )
    done = desk.run("-p", "hello")
    assert done.code == 1
    assert done.stderr.count("the moon is in the wrong phase") == 1
    assert "so so no" in done.stderr
    assert "Traceback" not in done.stderr
    assert [failure.kind for failure in desk.bodies(Failure)] == ["request"]


def test_the_text_of_a_refusal_cannot_speak_to_the_terminal(desk: Desk, serve: Serve) -> None:
    serve(Reply(fault=Fault("status", status=400, message="bad \x1b]0;owned\x07\x1b[2J\u202e thing")))
    done = desk.run("-p", "hello")
    assert done.code == 1
    assert not {"\x1b", "\x07", "\u202e"} & set(done.stderr)


def test_a_model_that_does_not_exist_is_told_with_those_that_do(desk: Desk, serve: Serve) -> None:
    serve(reply("never"))
    done = desk.run("-p", "hello", "-m", "claude-opus-99")
    assert done.code == 1
    assert "has no model 'claude-opus-99'" in done.stderr
    assert "claude-opus-" in done.stderr.split("it has", 1)[1]


def test_a_refused_key_says_which_variables_to_look_at(desk: Desk, serve: Serve) -> None:
    serve(Reply(fault=Fault("status", status=401)))
    done = desk.run("-p", "hello")
    assert done.code == 1
    assert "ANTHROPIC_API_KEY" in done.stderr
    assert "sk-test" not in done.stderr


def test_a_field_that_is_refused_is_left_out_said_and_remembered(desk: Desk, serve: Serve) -> None:
    server = serve(reply("one"), reply("two"), rejects=("output_config",))
    done = desk.run("-p", "hello", "--effort", "low")
    assert (done.code, done.stdout) == (0, "one\n")
    assert "output_config" in server.requests[0].body
    assert "left out" in done.stderr
    first = len(server.requests)
    assert desk.run("-p", "again", "--effort", "low").stdout == "two\n"
    assert len(server.requests) == first + 1
    assert "output_config" not in server.requests[-1].body


def test_an_answer_cut_at_the_output_limit_is_gone_on_with(desk: Desk, serve: Serve) -> None:
    server = serve(Reply([say("The first half, ")], stop_reason="max_tokens"), reply("and the second."))
    done = desk.run("-p", "tell me")
    assert done.code == 0
    assert "and the second." in done.stdout
    assert CUT.text in texts(server.requests[1].body)
    assert desk.findings() == []


def test_an_answer_that_is_cut_again_and_again_is_a_limit_and_can_be_resumed(desk: Desk, serve: Serve) -> None:
    serve(Reply([say("more ")], stop_reason="max_tokens", times=4), reply("done"))
    done = desk.run("-p", "tell me")
    assert done.code == 3
    assert "cut 4 times" in done.stderr
    assert desk.run("-c", "-p").stdout.endswith("done\n")


def test_a_whole_call_in_an_answer_that_was_cut_at_the_output_limit_is_run_and_answered(
    desk: Desk, serve: Serve
) -> None:
    half = Reply([call("bash", command="touch ran")], stop_reason="max_tokens")
    server = serve(half, reply("well"))
    assert desk.run("-p", "do it").stdout == "well\n"
    assert (desk.project / "ran").exists()
    assert server.refusals == []


def test_a_refusal_of_the_model_is_a_failure_and_the_session_goes_on(desk: Desk, serve: Serve) -> None:
    refused = Reply([say("I will not")], stop_reason="refusal", stop_details={"category": "cyber"})
    server = serve(refused, reply("gladly"))
    done = desk.run("-p", "something bad")
    assert done.code == 1
    assert "refused to answer (cyber)" in done.stderr
    assert desk.run("-c", "-p", "something good").stdout == "gladly\n"
    assert server.refusals == []


def test_a_paused_turn_goes_on(desk: Desk, serve: Serve) -> None:
    server = serve(Reply([say("looking")], stop_reason="pause_turn"), reply("found"))
    done = desk.run("-p", "look")
    assert (done.code, done.stdout, server.refusals) == (0, "lookingfound\n", [])


@pytest.mark.parametrize("content", [[], [say("")], [think("hm")]], ids=["nothing", "empty text", "thinking"])
def test_an_empty_answer_ends_the_turn_and_breaks_nothing(desk: Desk, serve: Serve, content: list) -> None:
    server = serve(Reply(content, stop_reason="end_turn"), reply("awake"))
    done = desk.run("-p", "hello", "-o", "json")
    assert done.code == 0
    assert done.result["result"] == ""
    assert desk.run("-c", "-p", "and now?").stdout == "awake\n"
    assert server.refusals == []
    assert desk.findings() == []


def test_a_prompt_that_is_too_long_says_so(desk: Desk, serve: Serve) -> None:
    message = "prompt is too long: 250000 tokens > 200000 maximum"
    serve(Reply(fault=Fault("status", status=400, message=message, times=9)))
    done = desk.run("-p", "hello")
    assert done.code == 1
    assert "the context is full and was cut" in done.stderr
    assert TOO_LARGE in done.stderr
    assert {failure.kind for failure in desk.bodies(Failure)} == {"context"}


def test_a_spent_balance_is_not_retried(desk: Desk, serve: Serve) -> None:
    server = serve(Reply(fault=Fault("status", status=400, message="Your credit balance is too low")))
    assert desk.run("-p", "hello").code == 1
    assert len(server.requests) == 1


def test_calls_that_make_no_sense_are_answered_and_the_turn_goes_on(desk: Desk, serve: Serve) -> None:
    server = serve(
        by_step(
            reply(
                call("bash", command=5), call("read"), call("fly", to="moon"), call("read", path="README.md", mode="r")
            ),
            reply("sorry"),
        )
    )
    assert desk.run("-p", "go").stdout == "sorry\n"
    wrong, missing, unknown, extra = desk.results()
    assert "command" in wrong
    assert "path" in missing
    assert "no tool fly" in unknown
    assert "mode" in extra
    assert server.refusals == []


def test_a_model_that_forgets_to_say_what_it_used_is_tolerated(desk: Desk, serve: Serve) -> None:
    serve(Reply([say("hi")], fault=Fault("drop_usage")))
    done = desk.run("-p", "hello", "-o", "json")
    assert done.code == 0
    assert done.result["usage"]["output_tokens"] == 0
    assert not desk.bodies(Notice)
