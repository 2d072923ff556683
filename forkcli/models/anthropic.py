"""An endpoint that speaks the Messages API, as the engine sees it.

It retries nothing but a request whose field was refused, reads no key from the environment and keeps no conversation.
Invariant: what `stream` yields ends with `message_stop` after a stop reason, or it raises ModelError.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from forkcli.core.entries import Usage
from forkcli.core.messages import Json
from forkcli.core.reply import ReplyBuilder
from forkcli.engine.ports import ModelError, ModelFault, ModelLimits, ModelRequest
from forkcli.errors import ForkError
from forkcli.models import catalog, failures, prices
from forkcli.models.caps import LEAST, Caps, default_caps, left_out
from forkcli.models.endpoint import endpoint, no_key_error
from forkcli.models.events import stream_events
from forkcli.models.lessons import says_nothing, weaker
from forkcli.models.limits import limits_from_card
from forkcli.models.memory import EndpointMemory, cache_file
from forkcli.models.request import request_body
from forkcli.models.wire import Wire

if TYPE_CHECKING:
    import httpx2

FEW_STREAMS = 8  # up to here events are passed on as they come
LONGEST_PAUSE_S = 0.05
MOST_LESSONS = 8  # refused fields in one call
_REFUSED_FIELD = frozenset({400, 422})


class AnthropicModel:
    """Fills `engine.ports.Model`. Use one in one event loop; `close` it there."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        auth_token: str | None = None,
        base_url: str | None = None,
        idle_timeout_s: float = 90.0,
        caps: Caps | None = None,
        memory_file: Path | None = None,
    ) -> None:
        """A stream without an event for `idle_timeout_s` seconds is dropped; `caps` fixes what is sent at first.

        `memory_file` defaults to `endpoints.json` in the user's cache directory. Raises ForkError(USAGE) for a base URL
        that is none. Nothing is sent and the SDK is not imported yet.
        """
        self.endpoint = endpoint(base_url, api_key, auth_token)
        self._idle_s = idle_timeout_s
        self._wire = Wire(self.endpoint, idle_timeout_s)
        self._memory = EndpointMemory(memory_file or cache_file())
        self._fixed = caps
        self._caps: dict[str, Caps] = {}
        self._streams = 0
        self._told: dict[str, ModelLimits] = {}
        self._asked: set[str] = set()
        self._asking: set[asyncio.Task[None]] = set()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Json, None]:
        """The answer's events. Raises ModelError; closing the generator closes the connection at once.

        `{"type": "left_out", "what": …}` comes first for a field that was refused, so that the request went without it.
        """
        if (error := self.key_error()) is not None:
            raise ModelError(ModelFault.AUTH, "; ".join((error.sentence, *error.hints)))
        response, dropped = await self._open(request)
        self._streams += 1
        try:
            for what in dropped:
                yield {"type": "left_out", "what": what}
            yield {"type": "request_id", "request_id": response.headers.get("request-id", "")}
            self._ask_for_limits(catalog.full_name(request.model))
            events = stream_events(response, self.endpoint.shown, self._idle_s, self._pause_s)
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._streams -= 1
            await response.aclose()

    async def warm(self, request: ModelRequest) -> Usage:
        """Read a prefix from the cache without an answer. Raises ModelError, also where the endpoint cannot do that."""
        caps = self._caps_for(catalog.full_name(request.model))
        told = await self._wire.ask(request_body(request, caps, stream=False), old_version=caps.old_version)
        read = ReplyBuilder()
        read.feed({"type": "message_start", "message": told})
        return read.usage

    async def limits(self, model: str) -> ModelLimits:
        """The model's sizes as known now, without waiting: what the endpoint told, the built-in table, or a guess."""
        name = catalog.full_name(model)
        return self._told.get(name) or self._memory.limits(self._key(name)) or catalog.built_in_limits(name)

    async def doubt(self, model: str) -> str:
        """Why a model's name may be wrong, in a sentence without a full stop; empty if it is known, here or there."""
        name = catalog.full_name(model)
        if (await self.limits(name)).known or self.key_error() is not None:
            return ""
        card = await self._wire.get(f"/v1/models/{quote(name, safe='')}")
        if isinstance(card, dict) and card.get("id"):
            return ""
        near = await self._near(name)
        return f"Neither fork nor {self.endpoint.shown} knows the model {name!r}{near}"

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """What a call cost in US dollars; None for a model without a known price and for one's own machine."""
        return None if self.endpoint.loopback else prices.cost_usd(model, usage)

    def key_error(self) -> ForkError | None:
        """The error to show before anything is started, when there is no key and the endpoint needs one."""
        return None if self.endpoint.has_key else no_key_error()

    def preload(self) -> None:
        """Import the SDK and make its client: most of a second, best spent in a thread while something else goes on."""
        self._wire.client()
        self.cost_usd(catalog.DEFAULT_MODEL, Usage())  # loads the price list, where there are prices

    async def close(self) -> None:
        """Close all connections."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._wire.close()

    async def _open(self, request: ModelRequest) -> tuple["httpx2.Response", list[str]]:
        """Send the request, if need be without fields that are refused; returns the response and what was left out."""
        model = catalog.full_name(request.model)
        before = caps = self._caps_for(model)
        lessons = MOST_LESSONS
        while True:
            answer = await self._wire.post(request_body(request, caps), old_version=caps.old_version)
            if not isinstance(answer, failures.Refusal):
                self._learn(model, before, caps)
                return answer, left_out(before, caps)
            less = self._less(caps, answer) if lessons else None
            if less is None:
                raise await self._final(model, answer.error())
            caps, lessons = less, lessons - 1

    def _less(self, caps: Caps, refused: failures.Refusal) -> Caps | None:
        """What to send instead after a refusal; None when it is about something else."""
        if refused.status not in _REFUSED_FIELD or refused.error().fault is not ModelFault.REQUEST:
            return None
        if not self.endpoint.first_party and says_nothing(refused.message) and caps != LEAST:
            return LEAST
        return weaker(caps, refused.message)

    def _caps_for(self, model: str) -> Caps:
        known = self._caps.get(model) or self._fixed or self._memory.caps(self._key(model))
        return known or default_caps(first_party=self.endpoint.first_party, model=model)

    def _learn(self, model: str, before: Caps, after: Caps) -> None:
        if before == after:
            return
        self._caps[model] = after
        if self._fixed is None and (after.thinking_blocks or after == LEAST):
            self._memory.learn_caps(self._key(model), after)  # refused thinking is a matter of one conversation

    def _pause_s(self) -> float:
        """How long a stream lets bytes gather: reading is what costs, so many streams read less often."""
        return min(LONGEST_PAUSE_S, max(0, self._streams - FEW_STREAMS) * 0.0005)

    def _key(self, model: str) -> str:
        return f"{self.endpoint.shown} {model}"

    def _ask_for_limits(self, model: str) -> None:
        """Ask for the model's sizes beside its first answer, at most once a process."""
        if model in self._asked or self._memory.asked(self._key(model)):
            return
        self._asked.add(model)
        task = asyncio.create_task(self._learn_limits(model))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _learn_limits(self, model: str) -> None:
        card = await self._wire.get(f"/v1/models/{quote(model, safe='')}")
        limits = limits_from_card(card, model)
        if limits is not None:
            self._told[model] = limits
        if not self.endpoint.loopback:  # what runs on this machine may be started anew with other sizes
            self._memory.learn_limits(self._key(model), limits)

    async def _final(self, model: str, error: ModelError) -> ModelError:
        """The error as it is raised; for an unknown model with the names that may have been meant."""
        if error.fault is not ModelFault.NO_MODEL:
            return error
        said = f"{self.endpoint.shown} has no model {model!r}{await self._near(model)}"
        return ModelError(error.fault, said, status=error.status)

    async def _near(self, model: str) -> str:
        """The names at the endpoint that may have been meant, in a clause; empty where it names none."""
        listed = await self._wire.get("/v1/models?limit=1000")
        rows = listed.get("data") if isinstance(listed, dict) else None
        rows = rows if isinstance(rows, list) else []
        names = [r["id"] for r in rows if isinstance(r, dict) and isinstance(r.get("id"), str)]
        if not names and self.endpoint.first_party:
            names = list(catalog.MODELS)
        close = get_close_matches(model, names, n=4, cutoff=0.4) or names[:4]
        return f"; it has {', '.join(failures.one_line(name) for name in close)}" if close else ""
