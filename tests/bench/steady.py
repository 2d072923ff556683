"""Rows on working: the harness's time for a step, peak memory, and the size of what is sent each time."""

import http.client
import json
import statistics
import time
from functools import partial
from itertools import pairwise

from forkcli.models.scripted.record import Recorded
from forkcli.models.scripted.script import call, reply
from forkcli.models.scripted.server import ScriptedServer
from tests.bench.lab import Figure, Lab, Row, interleaved, steps

READ = {"path": "src/hello.py"}
PAUSE = "true"


def _gaps_ms(requests: list[Recorded]) -> list[float]:
    """Time between the beginning of each answer (a few events, sent at once) and the arrival of the next request.

    The server notes arrivals by the wall clock and beginnings by the monotonic one.
    """
    apart = time.time() - time.monotonic()
    pairs = pairwise(requests)
    return [1000 * (later.at - apart - earlier.began) for earlier, later in pairs if earlier.began is not None]


def _steps(lab: Lab, count: int, *calls: dict[str, object], keep: int = 2) -> list[Recorded]:
    lab.forget()
    with ScriptedServer(steps(count, *calls), check=False, keep=keep) as server:
        lab.run(lab.turn(server))
        return server.requests


def read_step(lab: Lab) -> Figure:
    """A step with one `read` call."""
    own = statistics.median(_gaps_ms(_steps(lab, 60, call("read", **READ)))[5:])
    return Figure(f"{own:.1f} ms", own <= 8)


def bash_step(lab: Lab) -> Figure:
    """A step with one sandboxed `bash` call, above what the command takes in a bare shell."""
    gap = statistics.median(_gaps_ms(_steps(lab, 40, call("bash", command=PAUSE)))[5:])
    (own,) = interleaved(20, lambda: lab.run(["bash", "-c", PAUSE]))
    return Figure(f"{gap - 1000 * own:.1f} ms above {1000 * own:.1f} ms", gap - 1000 * own <= 30)


def long_run(lab: Lab) -> Figure:
    """Steps around the 1,000th against those around the 10th; carrying the request's bytes is taken off."""
    requests = _steps(lab, 1000, call("read", **READ), keep=30)
    gaps = _gaps_ms(requests)
    early, late = statistics.median(gaps[5:25]), statistics.median(gaps[-20:])
    with ScriptedServer(lambda _: reply("Hello."), check=False, keep=1) as server:
        (carrying,) = interleaved(9, partial(_seconds_to_carry, server, requests[-1].raw))
    net = late - 1000 * carrying
    size = len(requests[-1].raw) // 1024
    return Figure(
        f"{net / early:.2f} × ({late:.1f} ms, of which {1000 * carrying:.1f} ms carry {size} KiB, to {early:.1f} ms)",
        net <= 1.5 * early,
    )


def _seconds_to_carry(server: ScriptedServer, body: bytes) -> float:
    """From a bare client's first byte until the server has the whole request."""
    line = http.client.HTTPConnection(server.base_url.removeprefix("http://"), timeout=10)
    begun = time.time()
    line.request("POST", "/v1/messages", body, {"x-api-key": "bench", "content-type": "application/json"})
    line.getresponse().read()
    line.close()
    return server.requests[-1].at - begun


def _peak(lab: Lab, count: int) -> tuple[float, float]:
    """Peak memory of a run of `count` steps and the size of the history it left, in MiB."""
    lab.forget()
    with ScriptedServer(steps(count, call("read", **READ)), check=False, keep=1) as server:
        peak = lab.peak_mib(lab.turn(server))
    history = sum(path.stat().st_size for path in (lab.project / ".fork").rglob("history.jsonl"))
    return peak, history / 2**20


def memory_turn(lab: Lab) -> Figure:
    """Peak memory of one turn with one step."""
    peak, _ = _peak(lab, 1)
    return Figure(f"{peak:.0f} MiB", peak <= 130)


def memory_200(lab: Lab) -> Figure:
    """Peak memory of 200 steps."""
    peak, _ = _peak(lab, 200)
    return Figure(f"{peak:.0f} MiB", peak <= 150)


def memory_growth(lab: Lab) -> Figure:
    """Peak memory of 1,000 steps against 10."""
    small, _ = _peak(lab, 10)
    large, history = _peak(lab, 1000)
    return Figure(f"{large:.0f} MiB to {small:.0f} MiB, history {history:.1f} MiB", large <= 1.3 * small + history)


def sent(lab: Lab) -> Figure:
    """Bytes of system prompt and tools as they are sent."""
    body = _steps(lab, 1, call("read", **READ), keep=0)[0].body
    parts = [json.dumps(body[key], ensure_ascii=False, separators=(",", ":")).encode() for key in ("system", "tools")]
    total = sum(map(len, parts))
    return Figure(f"{total:,} bytes", total <= 12 * 1024)


ROWS = (
    Row("sent", "system prompt and tools as sent", "≤ 12,288 bytes", sent),
    Row("read", "harness time of a step with a `read` call", "≤ 8 ms", read_step),
    Row("bash", "harness time of a step with a sandboxed `bash` call", "≤ 30 ms above the command's own", bash_step),
    Row("long", "step 1,000 against step 10, carrying the bytes taken off", "≤ 1.5 ×", long_run),
    Row("memory", "peak memory, one `-p` turn", "≤ 130 MiB", memory_turn),
    Row("memory200", "peak memory, 200 steps", "≤ 150 MiB", memory_200),
    Row("memory1000", "peak memory, 1,000 steps against 10", "≤ 1.3 × and the history's size", memory_growth),
)
