"""Where requests go, and where keys do not."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from stub_server import Answer, Stub, error, refuses, says, whole

from forkcli.core.context import Context
from forkcli.core.entries import Usage
from forkcli.core.messages import Json, Message, text_block
from forkcli.engine.ports import ModelError, ModelFault, ModelRequest
from forkcli.errors import ForkError, Kind
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.endpoint import endpoint, no_key_error
from forkcli.models.memory import cache_file

CONTEXT = Context((), (), (Message("user", (text_block("hi"),)),))


async def ask(url: str | None, model: str = "opus", **options: Any) -> list[Json]:
    client = AnthropicModel(base_url=url, idle_timeout_s=3, **options)
    try:
        return [event async for event in client.stream(ModelRequest(CONTEXT, model, None, 9))]
    finally:
        await client.close()


async def refused(*answers: Answer, model: str = "opus", **stub: Any) -> ModelError:
    async with Stub(list(answers), **stub) as server:
        with pytest.raises(ModelError) as caught:
            await ask(server.url, model)
    return caught.value


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "https://api.anthropic.com"),
        ("", "https://api.anthropic.com"),
        ("http://localhost:11434/", "http://localhost:11434"),
        ("http://localhost:11434/v1", "http://localhost:11434"),
        (" https://openrouter.ai/api/v1/ ", "https://openrouter.ai/api"),
        ("https://api.z.ai/api/anthropic", "https://api.z.ai/api/anthropic"),
        ("http://[::1]:8000/v1/messages", "http://[::1]:8000"),
    ],
)
def test_a_base_url_is_taken_in_the_forms_people_write(given: str | None, url: str) -> None:
    assert endpoint(given, "k").url == url


@pytest.mark.parametrize(
    "given",
    [
        "localhost:11434",
        "ftp://x",
        "http://",
        "http://[::1",
        "http://h:99999",
        "file:///etc/passwd",
        "http://h/?a=b",
        "x\n",
    ],
)
def test_what_is_no_base_url_is_a_usage_error(given: str) -> None:
    with pytest.raises(ForkError) as caught:
        endpoint(given, "k")
    assert caught.value.kind is Kind.USAGE


def test_a_password_in_the_url_is_never_shown() -> None:
    assert endpoint("https://me:secret@h.example/x", "k").shown == "https://h.example/x"
    with pytest.raises(ForkError) as caught:
        endpoint("ftp://me:secret@h", "k")
    assert "secret" not in caught.value.sentence


def test_a_key_with_a_line_break_or_odd_letters_is_a_usage_error() -> None:
    assert endpoint(None, " key\n").api_key == "key"
    for key in ("a\nb", "clé"):
        with pytest.raises(ForkError, match="characters that no key has"):
            endpoint(None, key)


def test_only_anthropics_own_host_is_trusted_with_everything() -> None:
    assert endpoint(None, "k").first_party
    for url in (
        "http://api.anthropic.com",
        "https://api.anthropic.com.evil.example",
        "https://evil.example/api.anthropic.com",
    ):
        assert not endpoint(url, "k").first_party


def test_the_hosts_of_this_machine_need_no_key() -> None:
    for url in ("http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1", "http://127.9.9.9", "http://x.localhost"):
        assert endpoint(url).has_key
    for url in (None, "http://10.0.0.1", "http://localhost.example", "http://0.0.0.0"):
        assert not endpoint(url).has_key


async def test_without_a_key_nothing_is_sent_and_the_three_ways_on_are_named() -> None:
    with pytest.raises(ModelError) as caught:
        await ask(None)
    assert caught.value.fault is ModelFault.AUTH
    told = " ".join((no_key_error().sentence, *no_key_error().hints))
    for way in ("ANTHROPIC_API_KEY", "--base-url", "fork demo"):
        assert way in told
        assert way in caught.value.sentence
    assert AnthropicModel().key_error() is not None
    assert AnthropicModel(api_key="k").key_error() is None


@pytest.mark.parametrize(
    ("keys", "bearer", "x_api_key"),
    [
        ({"api_key": "one"}, "one", "one"),
        ({"auth_token": "two"}, "two", "two"),
        ({"api_key": "one", "auth_token": "two"}, "two", "one"),
        ({}, "none", "none"),
    ],
)
async def test_another_host_gets_the_key_in_both_headers(keys: dict[str, str], bearer: str, x_api_key: str) -> None:
    async with Stub([says(*whole())]) as stub:
        await ask(stub.url, **keys)
    assert stub.got[0].headers["authorization"] == f"Bearer {bearer}"
    assert stub.got[0].headers["x-api-key"] == x_api_key
    assert "anthropic-beta" not in stub.got[0].headers


def test_anthropic_gets_the_key_as_the_bearer_alone() -> None:
    assert endpoint(None, "one", "two").sdk_key == "one"
    assert endpoint(None, "one", "two").headers == {}


async def test_keys_and_profiles_that_lie_around_are_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path.home() / ".config" / "anthropic"
    for name in ("configs", "credentials"):
        (folder / name).mkdir(parents=True)
    config = {
        "version": "1.0",
        "authentication": {"type": "user_oauth", "client_id": "c"},
        "base_url": "http://127.0.0.1:9",
    }
    (folder / "configs" / "default.json").write_text(json.dumps(config))
    token = {
        "version": "1.0",
        "type": "oauth_token",
        "access_token": "profile-secret",
        "expires_at": time.time() + 9999,
    }
    (folder / "credentials" / "default.json").write_text(json.dumps(token))
    (folder / "credentials" / "default.json").chmod(0o600)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "environment-secret")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "environment-secret")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    async with Stub([says(*whole())]) as stub:
        await ask(stub.url)
    assert "secret" not in str(stub.got[0].headers)


async def test_a_redirect_does_not_take_the_key_along() -> None:
    async with Stub([says(*whole())]) as other:
        fault = await refused(refuses(307, "", location=f"{other.url}/v1/messages"))
        assert fault.fault is ModelFault.REQUEST
        assert f"redirects to {other.url}/v1/messages" in fault.sentence
        assert other.connections == 0


async def test_this_machine_is_not_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Stub([says(*whole())]) as stub:
        assert (await ask(stub.url))[-1] == {"type": "message_stop"}


async def test_where_nobody_listens_the_endpoint_is_unreachable() -> None:
    async with Stub([]) as stub:
        url = stub.url
    with pytest.raises(ModelError) as caught:
        await ask(url)
    assert caught.value.fault is ModelFault.UNREACHABLE
    assert url in caught.value.sentence


async def test_an_unknown_model_is_answered_with_names_that_are_close() -> None:
    listed = {"data": [{"id": n} for n in ("claude-opus-5-5", "claude-haiku-5-5", "gpt-oss")] + [7, {"id": None}]}
    refusal = refuses(404, error("model: claude-opos-5-5", "not_found_error"))
    fault = await refused(refusal, model="claude-opos-5-5", cards={"/v1/models": listed})
    assert fault.fault is ModelFault.NO_MODEL
    assert "no model 'claude-opos-5-5'; it has claude-opus-5-5" in fault.sentence


@pytest.mark.parametrize("listed", [None, [], {"data": 7}, "junk"])
async def test_an_unknown_model_is_named_also_where_there_is_no_list(listed: object) -> None:
    fault = await refused(refuses(404, error("model: x")), model="x", cards={"/v1/models": listed})
    assert fault.fault is ModelFault.NO_MODEL
    assert fault.sentence.endswith("has no model 'x'")


async def test_limits_are_asked_for_beside_the_first_answer_and_only_once() -> None:
    cards: dict[str, object] = {"/v1/models/local": {"id": "local", "max_model_len": 8192}}
    async with Stub([says(*whole())] * 3, cards) as stub:
        model = AnthropicModel(base_url=stub.url)
        guess = await model.limits("local")
        for _ in range(3):
            async for _event in model.stream(ModelRequest(CONTEXT, "local", None, 9)):
                pass
        for task in list(model._asking):
            await task
        told = await model.limits("local")
        await model.close()
    assert not guess.known
    assert (told.window, told.max_output, told.known) == (8192, 2048, True)
    assert stub.looked_up == ["/v1/models/local"]


async def test_a_name_with_odd_signs_stays_one_part_of_the_path() -> None:
    async with Stub([says(*whole())]) as stub:
        model = AnthropicModel(base_url=stub.url)
        async for _event in model.stream(ModelRequest(CONTEXT, "../a b?c/d", None, 9)):
            pass
        for task in list(model._asking):
            await task
        await model.close()
    assert stub.looked_up == ["/v1/models/..%2Fa%20b%3Fc%2Fd"]


async def test_closing_does_not_wait_for_a_lookup() -> None:
    async with Stub([says(*whole())], silent_lookups=True) as stub:
        model = AnthropicModel(base_url=stub.url)
        async for _event in model.stream(ModelRequest(CONTEXT, "local", None, 9)):
            pass
        began = time.monotonic()
        await model.close()
        assert time.monotonic() - began < 0.5


def test_calls_on_this_machine_have_no_price() -> None:
    usage = Usage(1000, 1000)
    assert AnthropicModel(base_url="http://localhost:1").cost_usd("opus", usage) is None
    assert AnthropicModel(base_url="https://gateway.example", api_key="k").cost_usd("opus", usage) == pytest.approx(
        0.024
    )


def test_the_memory_lies_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_file() == tmp_path / "fork" / "endpoints.json"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_file() == Path.home() / ".cache" / "fork" / "endpoints.json"
