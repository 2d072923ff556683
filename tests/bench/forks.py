"""Rows on forks: what the cache gives them, how soon their first request leaves, what they add, how many keep up."""

import asyncio
import os
import signal
import statistics
import subprocess
import time
from datetime import timedelta
from pathlib import Path

from forkcli.core.entries import Report
from forkcli.core.messages import Json
from forkcli.engine.roster import utc_now
from forkcli.models.scripted import Reply, ScriptedServer, call, reply
from forkcli.models.scripted.cache import Cache
from forkcli.models.scripted.record import Recorded
from tests.app.fork_kit import Den, answers, den, disk, forks, held, newest, size, unmarked, unread, whose
from tests.bench.lab import Figure, Lab, Row

READS = 7  # of 60 KB each: a past of 100,000 tokens
ALLOWED = 400  # tokens of a fork's first request that may be unread besides the forking message and what it was told
FILES = 100_000
TOKENS_PER_S = 80
STREAMED_S = 15
CROWD = 100


def past(project: Path) -> Reply:
    """An answer that makes the past 100,000 tokens long."""
    for n in range(READS):
        (project / f"src/part{n}.txt").write_text("".join(f"{n} {line} words of the text\n" for line in range(1900)))
    return reply(*(call("read", path=f"src/part{n}.txt") for n in range(READS)))


# --- the cache ------------------------------------------------------------------------------------------------------


def beside(request: Recorded, shared: int) -> int:
    """Unread tokens of a request, without the messages from number `shared` on."""
    return unread(request) - sum(size(message) for message in unmarked(request.body["messages"][shared:]))


def firsts(home: Den, names: list[str]) -> list[int]:
    """What was not read of each fork's first request, besides the forking message and its results."""
    return [beside(found, len(found.messages) - 2) for name in names for found in home.requests(name)[:1]]


def parallel(lab: Lab, count: int) -> int:
    """The most of so many forks at once, with a fork of the first one among them."""
    plan = {
        "main": [past(lab.project), reply(forks(*(f"task {n}" for n in range(count)))), reply("Done.")],
        "f1": [reply(forks("nested")), reply("f1.")],
    }
    lab.forget()
    with den(lab.project, plan) as home:
        home.ask()
        return max(firsts(home, [name for name in home.agents if name != "main"]))


def woken(lab: Lab, *, cold: bool) -> list[int]:
    """What four forks that were stopped and taken up again had to have read anew, from the least to the most."""
    slept, stuck, begins = [0.0], [], past(lab.project)

    async def script(request: Json) -> Reply:
        if whose(request) == "main":
            plan = [begins, reply(forks("a", "b", "c", "d")), reply("Done.")]
            return plan[answers(request)]
        if not slept[0]:
            stuck.append(whose(request))
            await asyncio.sleep(30)
        return reply("Finished.")

    async def run(home: Den) -> None:
        home.open()
        turn = asyncio.create_task(home.turn())
        while len(stuck) < 4:
            await asyncio.sleep(0.01)
        await home.stop(turn)
        await home.close()
        slept[0] = 1000.0 if cold else 1.0
        home.open(home.folder.name).fleet.now = lambda: utc_now() + timedelta(seconds=slept[0])
        await home.again()
        await home.close()

    lab.forget()
    with den(lab.project, script, cache=Cache(lambda: slept[0])) as home:
        asyncio.run(run(home))
        assert len(home.bodies("main", Report)) == 4
        return sorted(beside(home.requests(name)[1], 4) for name in ("f1", "f2", "f3", "f4"))


def cache(lab: Lab) -> Figure:
    """Unread tokens of first requests: 1, 4 and 32 at once (one nested), woken warm; woken cold, one pays."""
    warm = {count: parallel(lab, count) for count in (1, 4, 32)}
    again, cold = woken(lab, cold=False), woken(lab, cold=True)
    most = max(*warm.values(), again[-1], cold[-2])
    told = ", ".join(f"{max(tokens, 0)} for {count}" for count, tokens in warm.items())
    return Figure(
        f"{told}, {max(again[-1], 0)} woken; cold: {cold[-1]:,} once, then {max(cold[-2], 0)}",
        most <= ALLOWED and cold[0] <= ALLOWED,
    )


# --- time -----------------------------------------------------------------------------------------------------------


def large_project(lab: Lab) -> None:
    """Fill the project with 100,000 files, committed."""
    for n in range(FILES // 1000):
        folder = lab.project / f"many/{n}"
        folder.mkdir(parents=True)
        for m in range(1000):
            (folder / f"{m}.txt").write_text(f"{n} {m}\n")
    git(lab, "add", ".")
    git(lab, "commit", "-qm", "Many")


def git(lab: Lab, *words: str) -> float:
    """Run git in the project; seconds."""
    return lab.run(["git", "-c", "user.name=b", "-c", "user.email=b@b", "-c", "gc.auto=0", *words])


def first_request(lab: Lab) -> Figure:
    """From the fork call's answer to the child's first request, beside `git worktree add` in the same project."""
    large_project(lab)
    taken = []
    for _ in range(3):
        lab.forget()
        plan: list[Reply] = [reply(forks("look around")), reply("f1."), reply("Done.")]
        with ScriptedServer(plan, check=False) as server:
            lab.run(lab.turn(server))
            asked, child = server.requests[:2]
            assert asked.began is not None
            taken.append(child.at - (time.time() - time.monotonic()) - asked.began)
    worktree = git(lab, "worktree", "add", "-q", "--detach", str(lab.place / "worktree"))
    own = statistics.median(taken)
    return Figure(f"{1000 * own:.0f} ms to {1000 * worktree:,.0f} ms (1/{worktree / own:.0f})", own <= worktree / 50)


# --- size -----------------------------------------------------------------------------------------------------------


def added(lab: Lab) -> Figure:
    """Memory and disk that each of 16 forks adds before its first step, for a parent of 10 and of 2,000 steps."""
    told, kept = [], True
    for steps in (10, 2000):
        lab.forget()
        with den(lab.project, {}, parallel=40) as home:
            memory = asyncio.run(held(home, 16, steps))
            files = max(disk(home.folder / "agents" / f"f{n}") for n in range(2, 18))
        told.append(f"{files / 1024:.1f} KiB and {memory / 1024:.0f} KiB after {steps:,} steps")
        kept = kept and files <= 16 * 1024 and memory <= 256 * 1024
    return Figure("; ".join(told), kept)


# --- many at once ---------------------------------------------------------------------------------------------------


def crowd(lab: Lab) -> Figure:
    """100 forks of a 100,000-token past at once: do all get their 80 tokens a second, and what does fork take?"""
    begins = past(lab.project)
    words = "word " * (TOKENS_PER_S * STREAMED_S * 4 // 5)
    calls = [forks(*(f"task {n}" for n in range(25))) for _ in range(CROWD // 25)]

    def script(request: Json) -> Reply:
        if "You are f" in newest(request):
            return Reply([{"type": "text", "text": words}], tokens_per_s=TOKENS_PER_S, chunk_chars=12)
        return [begins, reply(*calls), reply("Done.")][answers(request)]

    lab.forget()
    with ScriptedServer(script, check=False, keep=2) as server:
        command = lab.turn(server, "go", "--max-agents", "200", "--parallel", str(CROWD))
        process = subprocess.Popen(
            command,
            cwd=lab.project,
            env=lab.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not all_stream(server.requests):
                time.sleep(0.02)
            begun, used = time.monotonic(), cpu_s(process.pid)
            time.sleep(STREAMED_S / 2)
            share = (cpu_s(process.pid) - used) / (time.monotonic() - begun)
            while not all_ended(server.requests):
                time.sleep(0.02)
            ended = time.monotonic()
            process.wait(120)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        slow = (ended - max(found.began or 0 for found in server.requests[2 : CROWD + 2])) / STREAMED_S
    return Figure(f"{share:.2f} cores; the last stream took {slow:.2f} × its time", share <= 1 and slow <= 1.1)


def all_stream(requests: list[Recorded]) -> bool:
    """Whether the answers to all forks have begun."""
    return sum(request.began is not None for request in requests) >= CROWD + 2


def all_ended(requests: list[Recorded]) -> bool:
    """Whether the answers to all forks have been taken whole."""
    return sum(request.ended == "whole" for request in requests) >= CROWD + 2


def cpu_s(pid: int) -> float:
    """Seconds of a core that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


ROWS = (
    Row(
        "forkcache",
        "unread tokens of a fork's first request (100,000-token past), besides the forking message and its results",
        "≤ 400 for each; cold, the past is written once",
        cache,
    ),
    Row(
        "forktime",
        "from the `fork` call to the fork's first request, 100,000 files",
        "≤ 1/50 of `git worktree add`",
        first_request,
    ),
    Row("forksize", "disk and memory that a fork adds before its first step", "≤ 16 KiB and ≤ 256 KiB", added),
    Row("fork100", "100 forks at once, each streaming 80 tokens/s", "≤ 1 core, all keep up", crowd),
)
