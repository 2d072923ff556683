"""A hundred agents that meet a wall of refusals: `crowd_process.py FOLDER STATUS`; prints what came of it.

It is a process of its own since its hundred connections are dropped with it.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from engine_kit import Bench, make_bench

from forkcli.core.messages import Json
from forkcli.engine.limiter import Limiter
from forkcli.models.anthropic import AnthropicModel
from forkcli.models.scripted import Fault, Reply, ScriptedServer, reply

CROWD = 100
WALL_S = 2.0


class Wall:
    """A script that refuses everything for a while, and then answers."""

    def __init__(self, seconds: float, fault: Fault) -> None:
        self.seconds, self.fault = seconds, fault
        self.until = 0.0  # set by the first request
        self.refused: list[float] = []

    def __call__(self, _request: Json) -> Reply:
        now = time.monotonic()
        self.until = self.until or now + self.seconds
        if now < self.until:
            self.refused.append(now)
            return Reply(fault=self.fault)
        return reply("done")


def crowd(place: Path, model: AnthropicModel, count: int) -> list[Bench]:
    """Agents that share an endpoint and its pace."""
    model.preload()
    limiter, benches = Limiter(), []
    for number in range(count):
        project = place / str(number)
        project.mkdir()
        benches.append(make_bench(project, model, more={"limiter": limiter}))
    return benches


async def main() -> None:
    place, status = Path(sys.argv[1]), int(sys.argv[2])
    wall = Wall(WALL_S, Fault("status", status=status))
    with ScriptedServer(wall, models=["m"], check=False) as server:
        model = AnthropicModel(api_key="test", base_url=server.base_url, memory_file=place / "memory.json")
        ends = await asyncio.gather(*(bench.turn() for bench in crowd(place, model, CROWD)))
        told = {
            "ends": sorted({end.status for end in ends}),
            "refused": len(wall.refused),
            "requests": len(server.requests),
        }
        sys.stdout.write(json.dumps(told))
        await model.close()


if __name__ == "__main__":
    asyncio.run(main())
