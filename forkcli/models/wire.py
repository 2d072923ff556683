"""The SDK's client for one endpoint: posting a request, and looking things up beside it.

It sends the bytes it is given, follows no redirect (a key would go along), retries nothing and records nothing.
Invariant: what fails before the first byte of an answer is a Refusal (returned) or a ModelError (raised).
"""

import asyncio
import contextlib
import json
import ssl
import threading
from typing import TYPE_CHECKING

from forkcli.engine.ports import ModelError, ModelFault
from forkcli.models import failures
from forkcli.models.bounded import bounded
from forkcli.models.closing import Closings
from forkcli.models.endpoint import Endpoint
from forkcli.models.events import silent

if TYPE_CHECKING:
    import anthropic
    import httpx2

OLD_VERSION = "2023-06-01"
CONNECT_S = 10.0
LOOKUP_S = 5.0
SLOWEST_UPLOAD = 50_000  # bytes a second: below, a request counts as not answered


class Wire:
    """A connection pool to an endpoint. Use it in one event loop, and `close` it there."""

    def __init__(self, endpoint: Endpoint, idle_s: float) -> None:
        self._endpoint = endpoint
        self._idle_s = idle_s
        self._client: anthropic.AsyncAnthropic | None = None
        self._making = threading.Lock()
        self._closings = Closings()

    def client(self) -> "anthropic.AsyncAnthropic":
        """The SDK's client; importing and making it takes most of a second once, so do it first in a thread."""
        with self._making:
            if self._client is None:
                self._client = _make_client(self._endpoint, self._idle_s, self._closings)
            return self._client

    async def post(self, body: bytes, *, old_version: bool) -> "httpx2.Response | failures.Refusal":
        """Send a request; the response's body is still to be read. Raises ModelError when there was no answer."""
        client = await self._ready()
        import anthropic

        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", **_version(old=old_version)}
        try:
            # The SDK's own limit is between two bytes: a server that drips them would never be given up.
            async with asyncio.timeout(2 * self._idle_s + len(body) / SLOWEST_UPLOAD):
                stream = await client.post(
                    "/v1/messages",
                    cast_to=object,
                    content=body,
                    options={"headers": headers, "follow_redirects": False},
                    stream=True,
                    stream_cls=anthropic.AsyncStream[object],
                )
        except TimeoutError:
            raise silent(self._endpoint.shown, 2 * self._idle_s) from None
        except anthropic.APIStatusError as e:
            return failures.refusal(self._endpoint.shown, e.status_code, e.response.headers, e.response.content)
        except anthropic.APIConnectionError as e:
            raise self._no_answer(e.__cause__ or e) from e
        return await self._checked(stream.response)

    async def ask(self, body: bytes, *, old_version: bool) -> object:
        """Send a request whose answer is one JSON value. Raises ModelError, also for a refusal."""
        client = await self._ready()
        import anthropic
        import httpx2

        headers = {"Content-Type": "application/json", **_version(old=old_version)}
        try:
            async with asyncio.timeout(2 * self._idle_s + len(body) / SLOWEST_UPLOAD):
                answer = await client.post(
                    "/v1/messages",
                    cast_to=httpx2.Response,
                    content=body,
                    options={"headers": headers, "follow_redirects": False},
                )
                return json.loads(answer.content)
        except TimeoutError:
            raise silent(self._endpoint.shown, 2 * self._idle_s) from None
        except anthropic.APIStatusError as e:
            refused = failures.refusal(self._endpoint.shown, e.status_code, e.response.headers, e.response.content)
            raise refused.error() from e
        except anthropic.APIConnectionError as e:
            raise self._no_answer(e.__cause__ or e) from e
        except (httpx2.HTTPError, ValueError, RecursionError) as e:
            raise ModelError(ModelFault.REQUEST, f"{self._endpoint.shown} answered with no JSON") from e

    async def get(self, path: str) -> object:
        """A JSON value that the endpoint serves; None when it does not, for whatever reason."""
        client = await self._ready()
        import anthropic
        import httpx2

        try:
            async with asyncio.timeout(LOOKUP_S):
                response = await client.get(path, cast_to=httpx2.Response, options={"follow_redirects": False})
                return json.loads(response.content)
        except (anthropic.AnthropicError, httpx2.HTTPError, TimeoutError, ValueError, RecursionError):
            return None

    async def close(self) -> None:
        """Close all connections."""
        await self._closings.finish()
        if self._client is not None:
            await self._client.close()

    async def _ready(self) -> "anthropic.AsyncAnthropic":
        """The client, made in a thread that nobody has to wait for: neither who is stopped nor the process's end."""
        if self._client is None:
            loop, made = asyncio.get_running_loop(), asyncio.Event()

            def make() -> None:
                with contextlib.suppress(Exception):  # it is raised again below
                    self.client()
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(made.set)

            threading.Thread(target=make, name="make the client", daemon=True).start()
            await made.wait()
        return self.client()

    async def _checked(self, response: "httpx2.Response") -> "httpx2.Response":
        """The response, if its body can be a stream of events."""
        kind = response.headers.get("content-type", "")
        if "json" not in kind and "html" not in kind:
            return response
        await response.aclose()
        said = f"{self._endpoint.shown} answered with {failures.one_line(kind)}, not with a stream of events"
        raise ModelError(ModelFault.REQUEST, f"{said}; check the base URL", status=response.status_code)

    def _no_answer(self, cause: BaseException) -> ModelError:
        """The failure to get any answer: no connection, or one that broke."""
        import httpx2

        place = self._endpoint.shown
        if isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout):
            return ModelError(ModelFault.UNREACHABLE, f"{place} cannot be reached: it does not answer")
        why = failures.one_line(str(cause)) or type(cause).__name__
        if isinstance(cause, httpx2.ConnectError | httpx2.ProxyError | httpx2.UnsupportedProtocol):
            return ModelError(ModelFault.UNREACHABLE, f"{place} cannot be reached: {why}")
        if isinstance(cause, httpx2.TimeoutException):
            return silent(place, self._idle_s)
        return ModelError(ModelFault.BROKEN, f"the connection to {place} broke: {why}")


def _version(*, old: bool) -> dict[str, str]:
    return {"anthropic-version": OLD_VERSION} if old else {}


def _make_client(endpoint: Endpoint, idle_s: float, closings: Closings) -> "anthropic.AsyncAnthropic":
    import anthropic

    timeout = anthropic.Timeout(idle_s, connect=min(CONNECT_S, idle_s))
    return anthropic.AsyncAnthropic(
        api_key=endpoint.sdk_key,  # always explicit: the SDK then looks for no profile or token of its own
        base_url=endpoint.url,
        default_headers=endpoint.headers,
        timeout=timeout,
        max_retries=0,
        open_telemetry=False,
        http_client=_http_client(endpoint, timeout, closings),
    )


def _http_client(endpoint: Endpoint, timeout: "anthropic.Timeout", closings: Closings) -> "httpx2.AsyncClient":
    """The SDK's usual client, bounded and closed whole; without proxies for what is on this machine."""
    import anthropic
    import httpx2

    hooks = {"response": [bounded, closings.hook]}
    if not endpoint.loopback:
        return anthropic.DefaultAsyncHttpxClient(timeout=timeout, event_hooks=hooks)
    # Plain HTTP needs no certificates, and loading them takes 40 ms; without any, no TLS would be accepted.
    verify = True if endpoint.url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    limits = anthropic.DEFAULT_CONNECTION_LIMITS
    transport = httpx2.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)
    return anthropic.DefaultAsyncHttpxClient(transport=transport, trust_env=False, timeout=timeout, event_hooks=hooks)
