"""The endpoints of the scripted server: what each request is answered with. Lives in the server's thread."""

import asyncio
import contextlib
import inspect
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from forkcli.core.messages import Block, Json
from forkcli.models.scripted.answer import Answer
from forkcli.models.scripted.cache import Cache, tokens_of
from forkcli.models.scripted.catalog import ModelInfo
from forkcli.models.scripted.faults import Fault
from forkcli.models.scripted.http import HttpError, HttpRequest, json_answer, read_request
from forkcli.models.scripted.line import ClientGoneError, Line
from forkcli.models.scripted.parts import Part, bare, dump, parts_of
from forkcli.models.scripted.record import Log, Recorded
from forkcli.models.scripted.refusal import RefusalError, error_body, need
from forkcli.models.scripted.script import Playlist, Reply, ScriptOverError, fresh_id
from forkcli.models.scripted.signatures import sign
from forkcli.models.scripted.validate import Admitted, check_request, check_shape

_LOOK_S = 0.05


@dataclass(slots=True)
class Service:
    """What all connections of a server share."""

    playlist: Playlist
    models: Mapping[str, ModelInfo]
    log: Log
    cache: Cache
    check: bool
    require_key: bool
    rejects: Collection[str]  # top-level fields of a request that this server does not know
    missing: Collection[str]  # paths that it does not have
    ping_s: float
    refuse: Callable[[float], None]  # take no connection for so many seconds
    _paused: set[bytes] = field(default_factory=set)  # contents sent with stop_reason pause_turn

    async def serve(self, line: Line) -> None:
        """Answer the requests of one connection until either side ends it."""
        with contextlib.suppress(ClientGoneError, ConnectionError):
            try:
                while line.open and (request := await read_request(line.reader)):
                    line.idle = False
                    await self._route(line, request)
                    line.open = line.open and request.keeps_alive
                    line.idle = True
            except HttpError as bad:
                kind = RefusalError(bad.message, bad.status).kind
                await line.say_last(json_answer(bad.status, error_body(kind, bad.message, fresh_id("req")), _LAST))

    async def _route(self, line: Line, request: HttpRequest) -> None:
        if (request.method, request.path) == ("POST", "/v1/messages"):
            await self._messages(line, request)
            return
        self.log.others.append((request.method, request.path))
        headers = {"request-id": fresh_id("req")}
        try:
            status, body = 200, self._other(request)
        except RefusalError as no:
            status, body = no.status, error_body(no.kind, no.message, headers["request-id"])
        answer = json_answer(status, body, headers)
        await line.send(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.method == "HEAD" else answer)

    def _other(self, request: HttpRequest) -> Json:
        """The answers that hold no message."""
        path = request.path
        if any(path == gone or path.startswith(gone + "/") for gone in self.missing):
            raise RefusalError("Not Found", 404)
        self._key(request)
        if path == "/v1/messages/count_tokens" and request.method == "POST":
            body = _parse(request.body)
            return {"input_tokens": tokens_of(self._admit({"max_tokens": 1, **body}, request).parts)}
        if path == "/v1/models" and request.method == "GET":
            rows = [model.listing for model in self.models.values()]
            ends = {"first_id": rows[0]["id"] if rows else None, "last_id": rows[-1]["id"] if rows else None}
            return {"data": rows, "has_more": False, **ends}
        name = path.removeprefix("/v1/models/")
        if path.startswith("/v1/models/") and request.method == "GET":
            if name in self.models:
                return self.models[name].listing
            raise RefusalError(f"model: {name}", 404)
        raise RefusalError("Not Found", 404)

    # --- POST /v1/messages ------------------------------------------------------------------------------------------

    async def _messages(self, line: Line, request: HttpRequest) -> None:
        record = self.log.add(request.headers, request.body)
        try:
            await self._message(line, request, record)
        except (ClientGoneError, ConnectionError):
            record.ended = record.ended or "dropped"
            raise
        finally:
            self.log.tell()

    async def _message(self, line: Line, request: HttpRequest, record: Recorded) -> None:
        refused = Answer(line, record, "", streams=False, usage={}, commit=lambda: None)
        try:
            key = self._key(request)
            body = _parse(request.body)
            found = self._admit(body, request)
        except RefusalError as no:
            record.ended = "refused"
            await refused.fail(no.status, no.kind, no.message)
            return
        look = self.cache.look(body, found.model, key=key, betas=_betas(request), parts=found.parts)
        streams = bool(body.get("stream"))
        answer = Answer(line, record, body["model"], streams, look.usage, lambda: self.cache.commit(look))
        if body.get("max_tokens") == 0:
            await answer.give(Reply(stop_reason="max_tokens"), [], 0)
            return
        try:
            reply = await self._reply(body, answer)
        except RefusalError as no:
            record.ended = "refused"
            await answer.fail(no.status, no.kind, no.message)
            return
        await self._give(reply, found.parts, answer)

    async def _reply(self, body: Json, answer: Answer) -> Reply:
        """The script's reply. One that lets itself be waited for is waited for, with pings where the client streams."""
        task = asyncio.create_task(_take(self.playlist, body))
        quiet = 0.0
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_S))[0]:
                if answer.line.gone:
                    raise ClientGoneError
                quiet += _LOOK_S
                if quiet >= self.ping_s and answer.streams:
                    await (answer.ping() if answer.begun else answer.begin())
                    quiet = 0.0
        finally:
            task.cancel()
        problem = task.exception()
        if isinstance(problem, ScriptOverError):
            raise RefusalError(f"{problem} (request {answer.record.number})")
        need(problem is None, f"the script failed: {type(problem).__name__}: {problem}")
        reply = task.result()
        need(isinstance(reply, Reply), f"the script gave no Reply but {type(reply).__name__}")
        wrong = next((block for block in reply.content if not (isinstance(block, dict) and "type" in block)), None)
        need(wrong is None, f"the script's reply holds {wrong!r}, which is no block; `reply()` makes blocks of strings")
        return reply

    async def _give(self, reply: Reply, parts: list[Part], answer: Answer) -> None:
        await answer.line.pause(reply.delay_s)
        fault = reply.fault
        if fault and fault.kind == "refuse":
            self._refuse(answer, fault)
            return
        content = sign(reply.content, parts)
        if reply.stop == "pause_turn":
            self._paused.add(_essence(content))
        await answer.give(reply, content, _output_tokens(content))

    def _refuse(self, answer: Answer, fault: Fault) -> None:
        answer.record.ended = "fault"
        answer.line.reset()
        self.refuse(fault.seconds)

    # --- who may ask, and what --------------------------------------------------------------------------------------

    def _key(self, request: HttpRequest) -> str:
        """The key of a request; raises RefusalError for a missing or a bad one."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        key = request.headers.get("x-api-key", "") or bearer
        if key == "bad":
            raise RefusalError("invalid x-api-key", 401)
        if self.require_key and not key:
            raise RefusalError("x-api-key header is required", 401)
        return key

    def _admit(self, body: Json, request: HttpRequest) -> Admitted:
        """The request if it is fine; raises RefusalError."""
        for name in self.rejects:
            need(name not in body, f"{name}: Extra inputs are not permitted")
        if not self.check:
            check_shape(body)
            name = str(body.get("model"))
            return Admitted(self.models.get(name) or ModelInfo(name), parts_of(body))
        return check_request(body, self.models, betas=_betas(request), paused=self._was_paused)

    def _was_paused(self, content: list[Block]) -> bool:
        return bool(self._paused) and _essence(content) in self._paused


_LAST = {"connection": "close"}


async def _take(playlist: Playlist, body: Json) -> Reply:
    """Asks the script inside a task of its own, so that whatever a script raises ends there and is reported."""
    given = playlist.take(body)
    return await given if inspect.isawaitable(given) else given


def _parse(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as bad:
        raise RefusalError(f"The request body is not valid JSON: {bad}") from bad
    need(isinstance(body, dict), "Input should be a valid dictionary")
    parsed: Json = body
    return parsed


def _essence(content: list[Block]) -> bytes:
    """Content whatever the order of its keys and whatever was filled in with null, as SDKs do."""
    return dump([sorted((k, v) for k, v in bare(block).items() if v is not None) for block in content])


def _betas(request: HttpRequest) -> list[str]:
    return sorted(beta.strip() for beta in request.headers.get("anthropic-beta", "").split(",") if beta.strip())


def _output_tokens(content: list[Block]) -> int:
    return max(1, sum(len(dump(block)) for block in content) // 4)
