"""What statuses, headers and bodies mean, and how they read."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forkcli.engine.ports import ModelFault
from forkcli.models.failures import LONGEST_SENTENCE, message_of, one_line, refusal, retry_after

PLACE = "https://api.anthropic.com"


def said(message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": "x", "message": message}}).encode()


@pytest.mark.parametrize(
    ("status", "message", "headers", "fault"),
    [
        (401, "invalid x-api-key", {}, ModelFault.AUTH),
        (403, "Your API key does not have permission", {}, ModelFault.AUTH),
        (402, "pay", {}, ModelFault.SPENT),
        (400, "Your credit balance is too low to access the Anthropic API", {}, ModelFault.SPENT),
        (
            400,
            "You have reached your specified API usage limits. You will regain access on 1 Dec",
            {},
            ModelFault.SPENT,
        ),
        (429, "This workspace has reached its spend limit", {}, ModelFault.SPENT),
        (429, "This workspace has reached its spend limit", {"retry-after": "3"}, ModelFault.OVERLOADED),
        (429, "Number of request tokens has exceeded your per-minute rate limit", {}, ModelFault.OVERLOADED),
        (529, "Overloaded", {}, ModelFault.OVERLOADED),
        (500, "oops", {}, ModelFault.OVERLOADED),
        (408, "", {}, ModelFault.OVERLOADED),
        (409, "", {}, ModelFault.OVERLOADED),
        (500, "oops", {"x-should-retry": "false"}, ModelFault.REQUEST),
        (400, "wait", {"X-Should-Retry": "true"}, ModelFault.OVERLOADED),
        (413, "", {}, ModelFault.TOO_LONG),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", {}, ModelFault.TOO_LONG),
        (400, "input length and `max_tokens` exceed context limit: 1 + 2 > 2", {}, ModelFault.TOO_LONG),
        (400, "This model's maximum context length is 8192 tokens", {}, ModelFault.TOO_LONG),
        (400, "the request exceeds the available context size", {}, ModelFault.TOO_LONG),
        (404, "model: claude-opus-99", {}, ModelFault.NO_MODEL),
        (404, "The model `x` does not exist.", {}, ModelFault.NO_MODEL),
        (404, "model 'x' not found, try pulling it first", {}, ModelFault.NO_MODEL),
        (400, "Model Not Exist", {}, ModelFault.NO_MODEL),
        (400, "gpt-9 is an invalid model", {}, ModelFault.NO_MODEL),
        (400, "adaptive thinking is not supported on this model", {}, ModelFault.REQUEST),
        (400, "This model does not support the effort parameter.", {}, ModelFault.REQUEST),
        (400, "model_kwargs: Extra inputs are not permitted", {}, ModelFault.REQUEST),
        (404, "Not Found", {}, ModelFault.REQUEST),
        (400, "messages: at least one message is required", {}, ModelFault.REQUEST),
        (307, "", {"Location": "https://elsewhere.example/\x1b[2J"}, ModelFault.REQUEST),
    ],
)
def test_a_refusal_is_one_of_eight_faults(
    status: int, message: str, headers: dict[str, str], fault: ModelFault
) -> None:
    error = refusal(PLACE, status, headers, said(message)).error()
    assert error.fault is fault
    assert error.status == status
    assert "\x1b" not in error.sentence
    assert not error.sentence.endswith(".")


def test_a_refused_key_is_answered_with_what_to_do() -> None:
    sentence = refusal(PLACE, 401, {}, said("invalid x-api-key")).error().sentence
    assert sentence == (
        "https://api.anthropic.com refused the API key (401: invalid x-api-key); "
        "check ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN"
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "9", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        ({}, None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)) == seconds


def test_the_time_to_wait_is_told_only_when_waiting_helps() -> None:
    assert refusal(PLACE, 529, {"Retry-After": "4"}, b"").error().retry_after == 4.0
    assert refusal(PLACE, 401, {"Retry-After": "4"}, b"").error().retry_after is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (said("in the API's shape"), "in the API's shape"),
        (b'{"message": "plain"}', "plain"),
        (b'{"error": "as a string."}', "as a string"),
        (b'{"detail": "of FastAPI"}', "of FastAPI"),
        (
            b'{"detail": [{"loc": ["body", "thinking", "type"], "msg": "unexpected value"}]}',
            "body.thinking.type: unexpected value",
        ),
        (b'{"object": "error", "message": "of vLLM", "code": 400}', "of vLLM"),
        (b'"text"', "text"),
        (b"no JSON\r\nat all", "no JSON at all"),
        (b"<html><body>502 Bad Gateway</body></html>", ""),
        (b"\xff\xfe\x00", "\ufffd\ufffd"),
        (b"", ""),
        (b"[" * 100_000, "[" * (LONGEST_SENTENCE - 1) + "…"),
        (b'{"error": {"message": ["a", {"msg": "b"}]}}', "a; b"),
        (b"17", ""),
    ],
)
def test_the_servers_own_words_are_found(body: bytes, words: str) -> None:
    assert message_of(body) == words


@given(st.binary(max_size=200), st.integers(100, 999))
def test_any_body_makes_one_printable_line(body: bytes, status: int) -> None:
    sentence = refusal(PLACE, status, {}, body).error().sentence
    assert sentence.isprintable()
    assert len(sentence) < LONGEST_SENTENCE + 150


def test_a_line_is_one_line_of_bounded_length() -> None:
    assert one_line("a\n\tb\u202e c\x9b31m") == "a b c 31m"
    assert len(one_line("x" * 10_000)) == LONGEST_SENTENCE
