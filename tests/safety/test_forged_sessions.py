"""Sessions whose files somebody else has made or changed: what reads them says so, and reaches nothing outside."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from forkcli.app import backward
from forkcli.commands.check import check
from forkcli.commands.clean import leftovers
from forkcli.commands.found import read_found
from forkcli.commands.ls import list_sessions
from forkcli.commands.rewindable import rewind_rows
from forkcli.commands.show import agent_view, context_json, first_prompt, fork_diff, history_view, report_text
from forkcli.commands.tree import session_tree
from forkcli.config import Settings
from forkcli.core import entries as e
from forkcli.core.ids import MAIN, AgentId, CallId, Seq, SessionId
from forkcli.core.messages import text_block
from forkcli.core.views import as_json
from forkcli.errors import ForkError
from forkcli.store import reading
from forkcli.store.codec import DamagedLineError, decode, encode
from forkcli.store.reading import bounded, read_history
from forkcli.store.scratch import Scratch

SESSION = SessionId("20261122-0925-k3f")
SECRET = "what lies outside"
FIRST, SEEDS = 0, 24


def line_one(agent: str, kind: e.AgentKind, parent: str | None = None, from_seq: int | None = None) -> e.Agent:
    above, at = AgentId(parent) if parent else None, Seq(from_seq) if from_seq else None
    system = () if at else (text_block("You are an agent."),)
    return e.Agent(
        1, SESSION, AgentId(agent), kind, "/p", "claude-opus-5-5", None, system, (), "0.1.0", parent=above, from_seq=at
    )


def answer(*blocks: dict[str, Any]) -> e.Assistant:
    return e.Assistant(tuple(blocks) or (text_block("Done."),), "end_turn", e.Usage(10, 5), "m", cost_usd=0.1)


def histories() -> dict[str, list[e.Body]]:
    """A family: a fork that was merged, a spawned agent that asked, a stretch that was left behind."""
    call = CallId("toolu_1")
    use = {"type": "tool_use", "id": call, "name": "fork", "input": {}}
    told = e.Prompt("go", (text_block("go"),))
    mark = e.Checkpoint("<checkpoint/>", 100, 200_000)
    f1, s2, f3 = AgentId("f1"), AgentId("s2"), AgentId("f3")
    main: list[e.Body] = [
        *(line_one("main", "main"), told, mark, answer(use)),
        e.Fork((e.Child(f1, "look"),), Seq(4), call),
        e.Snapshot(Seq(4), "0" * 40),
        e.Report(f1, "done", "found it", 1, tree="1" * 40),
        e.Merge(f1, "merged", ("a",)),
        *(e.ToolResult(call, "fork", (text_block("ok"),)), mark, answer()),
        e.Spawn("the brief", (e.Child(s2, "port"),), Seq(11), wait=False),
        e.Asked(f3, "s2", "why?", Seq(12), answer="so"),
        e.Report(s2, "done", "ported"),
        *(mark, answer(), e.Rewind(Seq(10), "user", "learnt", "told", abandoned=f3), mark, answer()),
    ]
    return {
        "main": main,
        "f1": [line_one("f1", "fork", "main", 4), e.ToolResult(call, "fork", (text_block("f1"),)), mark, answer()],
        "s2": [line_one("s2", "spawn", "main"), told, mark, answer()],
        "f3": [line_one("f3", "abandoned", "main", 16), e.Notice("you"), told, mark, answer()],
    }


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    """A family's files, and beside the project a secret that nothing may show or change."""
    (tmp_path / "secret").write_text(SECRET)
    scratch = Scratch(tmp_path / "project")
    scratch.folder.parent.mkdir()
    scratch.ensure()
    scratch.session_folder(SESSION).mkdir(mode=0o700)
    scratch.write_prompt(SESSION, [b"go"])
    for agent, bodies in histories().items():
        folder = scratch.agent_folder(SESSION, AgentId(agent))
        folder.mkdir(mode=0o700, parents=True)
        first = (bodies[0].from_seq or 0) + 1 if isinstance(bodies[0], e.Agent) else 1
        lines = (encode(e.Entry(Seq(seq), "2026-11-22T09:25:00.000Z", body)) for seq, body in enumerate(bodies, first))
        (folder / "history.jsonl").write_bytes(b"".join(lines))
        (folder / "report.md").write_text("a report")
    yield scratch
    assert (tmp_path / "secret").read_text() == SECRET
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project", "secret"]


def look(project: Path) -> str:
    """All that can be read of the newest session; an error for people is an answer too."""

    def views(agent: str) -> Iterator[Callable[[], object]]:
        yield lambda: agent_view(read_found(project, None, agent))
        yield lambda: history_view(read_found(project, None, agent))
        yield lambda: context_json(read_found(project, None, agent))
        yield lambda: report_text(read_found(project, None, agent))
        yield lambda: rewind_rows(read_found(project, None, agent).history)
        yield lambda: fork_diff(project, None, agent)

    whole: list[Callable[[], object]] = [
        *(lambda: check(project, None), lambda: list_sessions(project), lambda: session_tree(project, None)),
        *(lambda: first_prompt(project, None), lambda: leftovers(project)),
    ]
    said = []
    for view in (*whole, *(view for agent in histories() for view in views(agent))):
        try:
            said.append(json.dumps(as_json(view()), default=str, allow_nan=False))
        except ForkError as error:
            said.append(error.sentence)
    return "\n".join(said)


# --- whatever is done to the files ------------------------------------------------------------------------------------

NAMES = ["main", "f1", "s2", "f3", "f9", "../../../../secret", "/etc", "", "f1\n", "\x1b[2J"]
WORDS = [
    *NAMES,
    "0" * 40,
    "--help",
    "keep",
    "restore",
    "\ud800",
    "\0",
    "x" * 9000,
    "tool_result",
    "tool_use",
    "image",
    5,
    None,
    [],
    {},
]
NUMBERS = [0, -1, 1, 3, 16, 2**31, 2**63, 10**400, float("nan"), float("inf"), "4", None]


def reseal(record: dict[str, Any]) -> bytes:
    body = json.dumps({key: value for key, value in record.items() if key != "crc32"}).encode()
    return body[:-1] + b',"crc32":"%08x"}\n' % crc32(body)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from leaves(inner, (*path, key))


def forge(chance: random.Random, file: Path) -> None:
    """Change a field of a line, and seal it so that it looks like one of fork's own."""
    lines = file.read_bytes().splitlines(keepends=True)
    place = chance.randrange(len(lines))
    record = json.loads(lines[place])
    *way, last = chance.choice([path for path in leaves(record) if path != ("crc32",)])
    at = record
    for key in way:
        at = at[key]
    at[last] = chance.choice(NUMBERS if type(at[last]) in {int, float} else WORDS)
    lines[place] = reseal(record)
    file.write_bytes(b"".join(lines))


def cut(chance: random.Random, file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(len(data))])


def flip(chance: random.Random, file: Path) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(chance.choice([1, 30])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def repeat(chance: random.Random, file: Path) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))
    file.write_bytes(b"".join(lines))


def another(chance: random.Random, file: Path) -> None:
    """Put the file of another agent in its place."""
    shutil.copyfile(chance.choice(sorted(file.parent.parent.glob(f"*/{file.name}"))), file.with_name("other"))
    file.with_name("other").replace(file)


def odd(chance: random.Random, file: Path) -> None:
    """Put in its place what is no file: a pipe, a folder, a link out, one to itself, one to a device without end."""
    file.unlink()
    kinds: list[Callable[[], object]] = [lambda: os.mkfifo(file), file.mkdir]
    targets = (file.parents[6] / "secret", file.name, "/dev/zero", "/proc/self/mem")
    chance.choice([*kinds, *((lambda to=to: file.symlink_to(to)) for to in targets)])()


def test_whatever_is_done_to_its_files_a_session_is_read_to_a_sentence_and_shows_nothing_else(
    scratch: Scratch, tmp_path: Path
) -> None:
    whole = look(scratch.folder.parent)
    assert "ported" in whole
    assert SECRET not in whole
    kept = tmp_path / "project/kept"
    shutil.copytree(scratch.folder / "sessions", kept)
    for seed in range(FIRST, FIRST + SEEDS):
        chance = random.Random(seed)
        for _ in range(chance.choice([1, 2, 4])):
            files = [
                path
                for path in sorted(scratch.session_folder(SESSION).rglob("*"))
                if path.is_file() and not path.is_symlink() and path.stat().st_size
            ]
            file = chance.choice(files)
            change = chance.choice([forge, forge, forge, forge, cut, flip, repeat, another, odd])
            if file.name == "history.jsonl" or change in {cut, flip, odd}:
                try:
                    change(chance, file)
                except (ValueError, RecursionError):
                    continue  # it was damaged before
        assert SECRET not in look(scratch.folder.parent), seed
        shutil.rmtree(scratch.folder / "sessions")
        shutil.copytree(kept, scratch.folder / "sessions", symlinks=True)
    shutil.rmtree(kept)


# --- what was found so ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["agent", "parent", "reports_to"])
@pytest.mark.parametrize("name", ["../../../../secret", "/etc", "f1/..", "", "f1\n", "F1", "f0", "\x1b[2J"])
def test_what_is_no_agents_id_is_damage_wherever_it_stands(field: str, name: str) -> None:
    record = json.loads(encode(e.Entry(Seq(5), "t", line_one("f1", "fork", "main", 4))))
    for forged in (
        {**record, field: name},
        {"seq": 6, "at": "t", "type": "report", "agent": name, "status": "done", "text": ""},
        {"seq": 6, "at": "t", "type": "fork", "children": [{"agent": name, "task": ""}], "from_seq": 4},
        {"seq": 6, "at": "t", "type": "rewind", "to": 4, "by": "user", "let_go": [name]},
    ):
        with pytest.raises(DamagedLineError, match="not the id of an agent"):
            decode(reseal(forged), 6)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_cost_without_an_end_is_damage(number: str) -> None:
    body = b'{"seq":4,"at":"t","type":"warmed","model":"m","usage":{},"cost_usd":%s}' % number.encode()
    with pytest.raises(DamagedLineError, match="not a number"):
        decode(body[:-1] + b',"crc32":"%08x"}' % crc32(body), 4)


def test_a_line_without_an_end_costs_no_memory(tmp_path: Path) -> None:
    first = encode(e.Entry(Seq(1), "t", line_one("main", "main")))
    last = encode(e.Entry(Seq(3), "t", e.Notice("still there")))
    path = tmp_path / "lines"
    path.write_bytes(first + b"x" * 10_000_000 + b"\n" + last + b"y" * 10_000_000)
    with path.open("rb") as file:
        lines = list(bounded(file, 100_000))
    assert [len(line) for line in lines] == [len(first), reading.PIECE + 1, len(last), reading.PIECE]
    read = reading.read_lines(lines)
    assert [entry.seq for entry in read.entries] == [1, 3]
    assert ([one.line_no for one in read.damage], read.torn_tail) == ([2], True)


def test_of_damaged_lines_without_number_the_first_are_told_and_that_there_are_more(tmp_path: Path) -> None:
    last = encode(e.Entry(Seq(2), "t", e.Notice("still there")))
    (tmp_path / "history.jsonl").write_bytes(b"no entry\n" * 50_000 + last)
    read = read_history(tmp_path / "history.jsonl")
    assert len(read.damage) == reading.MOST_DAMAGE + 1
    assert "not told any more" in read.damage[-1].reason
    assert [entry.seq for entry in read.entries] == [2]


def test_a_history_in_the_place_of_another_agents_is_not_taken_for_it(scratch: Scratch) -> None:
    file = scratch.agent_folder(SESSION, AgentId("s2")) / "history.jsonl"
    shutil.copyfile(scratch.agent_folder(SESSION, MAIN) / "history.jsonl", file)
    with pytest.raises(ForkError, match="that of main"):
        session_tree(scratch.folder.parent, None)
    assert not check(scratch.folder.parent, None).ok


def test_forks_above_each_other_without_end_are_refused(scratch: Scratch) -> None:
    for number in range(10, 220):
        folder = scratch.agent_folder(SESSION, AgentId(f"f{number}"))
        folder.mkdir(mode=0o700)
        entry = e.Entry(Seq(5), "t", line_one(f"f{number}", "fork", f"f{number + 1}", 4))
        (folder / "history.jsonl").write_bytes(encode(entry))
    with pytest.raises(ForkError, match="as a parent, which cannot be"):
        read_found(scratch.folder.parent, None, "f10")


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_report_that_is_no_file_is_not_read(scratch: Scratch, tmp_path: Path, kind: str) -> None:
    report = scratch.agent_folder(SESSION, AgentId("f1")) / "report.md"
    report.unlink()
    os.mkfifo(report) if kind == "pipe" else report.symlink_to(tmp_path / "secret")
    with pytest.raises(ForkError, match="handed over no report"):
        report_text(read_found(scratch.folder.parent, None, "f1"))


@pytest.mark.parametrize("back", ["rewind", "report"])
def test_the_shell_takes_no_session_back_that_came_with_a_clone(scratch: Scratch, back: str) -> None:
    for folder, _, _ in os.walk(scratch.folder):
        Path(folder).chmod(0o755)  # git keeps no private modes
    history = scratch.agent_folder(SESSION, MAIN) / "history.jsonl"
    before = history.read_bytes()
    settings = Settings(cwd=scratch.folder.parent, project=scratch.folder.parent)
    go = {
        "rewind": lambda: backward.rewind(settings, None, None, "3", files="keep", replace_edited=False),
        "report": lambda: backward.report(settings, None, None, "3", "what I know", files="keep"),
    }
    with pytest.raises(ForkError, match="was not made by fork here"):
        go[back]()
    assert history.read_bytes() == before


@pytest.mark.parametrize("name", ["prompt.md", "agents/f1/report.md"])
def test_what_is_larger_than_memory_is_not_shown(scratch: Scratch, name: str) -> None:
    with (scratch.session_folder(SESSION) / name).open("r+b") as file:
        file.truncate(1 << 40)  # without a block on the disk
    with pytest.raises(ForkError, match=r"cannot read|no report"):
        first_prompt(scratch.folder.parent, None) if name == "prompt.md" else report_text(
            read_found(scratch.folder.parent, None, "f1")
        )
