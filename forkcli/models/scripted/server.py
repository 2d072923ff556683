"""The scripted server: the Messages API on a loopback port, answered by a script instead of a model.

It runs in a thread of its own and listens on 127.0.0.1 only. Its token figures come from its own model of the cache
rules (`cache.py`); they are no measurement.

    with ScriptedServer([reply("hello")]) as server:
        client = anthropic.Anthropic(base_url=server.base_url, api_key="any")
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, TypedDict, Unpack

from forkcli.models.scripted.cache import Cache
from forkcli.models.scripted.catalog import ModelInfo, catalog
from forkcli.models.scripted.http import MAX_HEAD
from forkcli.models.scripted.line import Line
from forkcli.models.scripted.record import Log, Recorded
from forkcli.models.scripted.script import Playlist, Script
from forkcli.models.scripted.service import Service

HOST = "127.0.0.1"
_BACKLOG = 256
_LAST_PORT = 65535
_ROUNDS = 5  # of the event loop: in so many a connection just accepted gets a task of its own


class Options(TypedDict, total=False):
    """What a server can be told besides its script."""

    models: Sequence[str | ModelInfo] | None  # None: all known ones
    check: bool  # refuse what the API would refuse (true)
    require_key: bool  # answer 401 to a request without a key (true)
    cache: Cache  # e.g. one with a clock of the caller's
    rejects: Collection[str]  # fields of a request that answer 400
    missing: Collection[str]  # paths that answer 404
    port: int  # 0: one that is free
    keep: int  # of how many requests the bodies are kept; 0: all
    ping_s: float  # how often a client is told that its answer is still being waited for


class ScriptedServer:
    """A context manager; outside of it, `start` and `close`."""

    def __init__(self, script: Script = (), **options: Unpack[Options]) -> None:
        self.cache = options.get("cache") or Cache()
        self.playlist = Playlist(script)
        self._log = Log(options.get("keep", 0))
        self._service = Service(
            playlist=self.playlist,
            models=catalog(options.get("models")),
            log=self._log,
            cache=self.cache,
            check=options.get("check", True),
            require_key=options.get("require_key", True),
            rejects=options.get("rejects", ()),
            missing=options.get("missing", ()),
            ping_s=options.get("ping_s", 5.0),
            refuse=self._refuse_for,
        )
        self._port = options.get("port", 0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._listening: asyncio.Server | None = None
        self._lines: dict[asyncio.Task[None], Line] = {}
        self._chores: set[asyncio.Task[None]] = set()

    # --- what callers see -------------------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """The URL to hand to a client."""
        return f"http://{HOST}:{self._port}"

    @property
    def requests(self) -> list[Recorded]:
        """Every `POST /v1/messages` so far, refused ones included."""
        return self._log.requests

    @property
    def others(self) -> list[tuple[str, str]]:
        """Method and path of all other requests."""
        return list(self._log.others)

    @property
    def refusals(self) -> list[str]:
        """What was wrong with the requests that were refused: empty when client and script are sound."""
        return [r.error for r in self.requests if r.ended == "refused"]

    def wait_for(self, count: int, timeout_s: float = 10.0) -> list[Recorded]:
        """Wait for `count` requests; raises TimeoutError."""
        return self.wait_until(lambda requests: len(requests) >= count, timeout_s, f"{count} requests")

    def wait_until(
        self, true: Callable[[list[Recorded]], bool], timeout_s: float = 10.0, what: str = "a state"
    ) -> list[Recorded]:
        """Wait until `true` holds for the list of requests; raises TimeoutError."""
        if not self._log.wait_until(true, timeout_s):
            raise TimeoutError(f"waited {timeout_s:g} s for {what}, got {len(self.requests)} requests")
        return self.requests

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """While this lasts, no connection can be made."""
        self._call(self._down())
        try:
            yield
        finally:
            self._call(self._up())

    # --- the thread -------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen, and serve in a thread. Raises OSError when the port cannot be had."""
        listener = _listen(self._port)
        self._port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=_run, args=(self._loop,), name="scripted-server", daemon=True)
        self._thread.start()
        self._call(self._serve(listener))
        return self

    def close(self) -> None:
        """Drop all connections and end the thread. Harmless when it is not running."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._call(self._stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        self._loop = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in the thread ----------------------------------------------------------------------------------------------

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it in the server's thread, and wait for it."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the scripted server is not running")
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _serve(self, listener: socket.socket) -> None:
        self._listening = await asyncio.start_server(self._client, sock=listener, limit=MAX_HEAD)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        line = Line(reader, writer)
        if task is not None:
            self._lines[task] = line
        try:
            await self._service.serve(line)
            await line.close()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            if task is not None:
                self._lines.pop(task, None)

    async def _stop(self) -> None:
        await self._stop_listening()
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._drop(list(others))

    async def _stop_listening(self) -> None:
        """Close the listener, after letting those already accepted reach a task that owns them."""
        if self._listening is None:
            return
        for listener in self._listening.sockets:
            asyncio.get_running_loop().remove_reader(listener)
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
        self._listening.close()
        self._listening = None

    async def _drop(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _down(self) -> None:
        """Take no connections, and end those on which nothing happens."""
        await self._stop_listening()
        await self._drop([task for task, line in self._lines.items() if line.idle and line.open])

    async def _up(self) -> None:
        await self._serve(_listen(self._port))

    def _refuse_for(self, seconds: float) -> None:
        """Called by the service, so already in the thread."""
        loop = asyncio.get_running_loop()
        self._chores.add(loop.create_task(self._pause_listening(seconds)))

    async def _pause_listening(self, seconds: float) -> None:
        await self._down()
        await asyncio.sleep(seconds)
        await self._up()


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= _LAST_PORT:
        raise OSError(f"there is no port {port}")
    listener = socket.create_server((HOST, port), backlog=_BACKLOG)
    # Accepted connections inherit it: without it a small write waits up to 40 ms for the acknowledgement of the one
    # before. asyncio sets it only on sockets that name their protocol, which this one does not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
