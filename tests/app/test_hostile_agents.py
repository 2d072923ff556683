"""A model that has turned, in each place that it can speak from: what it may not do is refused, not only forbidden."""

import asyncio
from dataclasses import replace
from pathlib import Path

from fork_kit import answers, den, past, reports, spawns, whose
from question_kit import ask, is_answering

from forkcli.core.entries import ToolResult
from forkcli.core.messages import Json, text_of
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.scripted import Reply, call, reply


def test_who_only_answers_spawns_and_merges_nothing(project: Path) -> None:
    def plan(request: Json) -> Reply:
        step = answers(request) - past(request, whose(request))
        if is_answering(request):
            tries = (call("merge", agent="f1"), call("rewind", to=3, report="x"), spawns("more", interview="none"))
            return reply(*tries) if step == 0 else reply("the answer")
        if whose(request) == "main":
            keeps = call("fork", tasks=[{"task": "a"}], merge="none")
            return [reply(keeps), reply(ask("f1")), reply("ok")][step]
        return reply(call("write", path="new.txt", content="x")) if step == 0 else reply("done")

    with den(project, plan) as home:
        assert home.ask().status == "done"
        assert home.agents == ["f1", "f2", "main"]
        assert [body.is_error for body in home.bodies("f2", ToolResult)] == [True, True, True]
        assert not (project / "new.txt").exists()


def test_a_bound_on_cost_is_not_got_round_by_a_model_without_a_price(project: Path) -> None:
    plan = {"main": [reply(spawns("x", interview="none", model="no-price-1")), reply("ok")]}
    with den(project, plan, max_cost=5.0) as home:

        async def priced() -> None:
            model = home.open().rig.model
            assert isinstance(model, AnthropicModel)
            model.endpoint = replace(model.endpoint, loopback=False)  # on one's own machine nothing has a price
            assert (await home.turn("go")).status == "done"
            await home.close()

        asyncio.run(priced())
        assert home.agents == ["main"]
        (result,) = home.bodies("main", ToolResult)
        assert "No price" in text_of(result.content)


def test_without_a_bound_on_cost_any_model_may_be_named(project: Path) -> None:
    plan = {"main": [reply(spawns("x", interview="none", model="no-price-1")), reply("ok")]}
    with den(project, plan) as home:
        assert home.ask().status == "done"
        assert reports(home)
