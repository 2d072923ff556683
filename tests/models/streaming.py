"""A model that is connected to a stub server, and what comes of its streams."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from stub_server import Answer, Stub

from forkcli.core.context import Context
from forkcli.core.messages import Json, Message, text_block
from forkcli.engine.ports import ModelError, ModelRequest
from forkcli.models.anthropic import AnthropicModel

REQUEST = ModelRequest(
    Context((text_block("be kind"),), (), (Message("user", (text_block("hi"),)),)), "opus", None, 100
)


@contextlib.asynccontextmanager
async def connected(*answers: Answer, idle: float = 5.0, **options: Any) -> AsyncIterator[tuple[AnthropicModel, Stub]]:
    async with Stub(list(answers)) as stub:
        model = AnthropicModel(base_url=stub.url, idle_timeout_s=idle, **options)
        try:
            yield model, stub
        finally:
            await model.close()


async def events_of(model: AnthropicModel, request: ModelRequest = REQUEST) -> list[Json]:
    return [event async for event in model.stream(request)]


async def failure(*answers: Answer, idle: float = 5.0) -> ModelError:
    async with connected(*answers, idle=idle) as (model, _):
        with pytest.raises(ModelError) as caught:
            await events_of(model)
    return caught.value
