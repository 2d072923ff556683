"""Any order of prompts, forks, rewinds, reports, compactions and resumes: real sessions, files and requests.

The scripted server refuses what the API would refuse. After every step all histories of the session are read from disk
again: nothing that was written is gone, what did not act has not changed, and every context is what its history says.
"""

import asyncio
import re
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from fork_kit import Den, newest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from test_rewind_session import marks

from forkcli.app.family import fork_conversation, go
from forkcli.app.wayback import Wayback
from forkcli.core.entries import AccessChange, Checkpoint, Rewind
from forkcli.core.history import History
from forkcli.core.ids import Seq
from forkcli.core.messages import Block, Json
from forkcli.core.rewinding import checkpoints
from forkcli.errors import ForkError
from forkcli.models.scripted import Reply, ScriptedServer, call, reply, think
from forkcli.store.check import check_session
from forkcli.ui.rewindable import RewindOrder

T = TypeVar("T")
CHILD = re.compile(r"You are f\d+ now, a fork of")
STEPS = st.lists(
    st.sampled_from(["read", "write", "think", "bad", "back", "back files", "back beside", "fork", "fork on", "say"]),
    max_size=4,
)
PLACE = st.integers(0, 999)


def raw(history: History) -> list[bytes]:
    return [message.raw for message in history.context().messages]


class AnyOrder(RuleBasedStateMachine):
    """One session; the agent in focus acts."""

    place: Path  # a project, of which each run gets a copy
    count = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).count += 1
        project = self.place.with_name(f"project-{self.count}")
        shutil.copytree(self.place, project)
        self.plan: list[str] = []
        self.said = 0
        self.kept: dict[str, bytes] = {}  # the bytes of each history
        self.contexts: dict[str, list[bytes]] = {}
        self.heads: dict[tuple[str, Seq], list[bytes]] = {}
        self.runner = asyncio.Runner()
        self.server = ScriptedServer(self.answer)
        self.server.__enter__()
        self.home = Den(project, self.server)

    def teardown(self) -> None:
        if self.home.session is not None:
            self.run(self.home.close())
        self.runner.close()
        self.server.__exit__(None, None, None)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # --- the model ------------------------------------------------------------------------------------------------

    def answer(self, request: Json) -> Reply:
        asked = newest(request)
        if CHILD.search(asked) and "PROMPT" not in asked:
            return reply("Did it.")
        if "Write this report now" in asked:
            return reply(think("what was it"), "All went <well>.\n</report>")
        self.said += 1
        return self.step(self.plan.pop(0), request) if self.plan else reply(f"Done {self.said}.")

    def step(self, kind: str, request: Json) -> Reply:
        word, _, more = kind.partition(" ")
        numbers = marks(request)
        to = numbers[self.said % len(numbers)]
        write = call("bash", command=f"echo {self.said} >> made-{self.said % 3}")
        back = call("rewind", to=to, report=f"report {self.said}", files="restore" if more == "files" else "keep")
        calls: dict[str, list[Block]] = {
            "read": [call("read", path="README.md"), call("read", path="none")],
            "write": [write],
            "think": [think("hm"), write],
            "bad": [call("rewind", to=1, report="x"), call("nothing")],
            "back": [back],
            "fork": [call("fork", tasks=[{"task": "a"}, {"task": "b", "access": "read"}], wait=not more)],
            "say": [],
        }
        return reply(*([write, back, back] if more == "beside" else calls[word]), f"Step {self.said}.")

    # --- what is done -----------------------------------------------------------------------------------------------

    @property
    def way(self) -> Wayback:
        assert self.home.session is not None
        return Wayback(self.home.session)

    @property
    def history(self) -> History:
        assert self.home.session is not None
        return self.home.session.agent.history

    @initialize()
    def open(self) -> None:
        async def opened() -> None:
            self.home.open()

        self.run(opened())

    @rule(steps=STEPS)
    def prompt(self, steps: list[str]) -> None:
        self.plan = list(steps)
        end = self.run(self.home.turn(f"PROMPT {self.said}"))
        assert end.status == "done", end
        self.proved()

    @rule(place=PLACE, what=st.sampled_from(["conversation", "both", "files"]))
    def back(self, place: int, what: Any) -> None:
        rows = [to for row in self.way.rows() for to in (row.to, *(step.to for step in row.steps))]
        if rows:
            self.rewind(rows[place % len(rows)], what)

    @rule(place=PLACE)
    def back_anywhere(self, place: int) -> None:
        own = [entry.seq for entry in self.history.entries.own]
        self.rewind(own[place % len(own)], "conversation")

    def rewind(self, to: Seq, what: Any) -> None:
        name, at = self.way.session.agent.id, self.history.entries[-1].seq
        before = raw(self.history)
        try:
            self.run(self.way.rewind(RewindOrder(to, what, "replace", "adopt")))
        except ForkError as refusal:
            self.refused(refusal, "files")
            assert what != "conversation"
            assert raw(self.history) == before
        else:
            if what != "files":
                self.heads.setdefault((name, at), before)
                if (name, to) in self.heads:
                    assert raw(self.history) == self.heads[name, to]
        self.proved()

    @precondition(lambda self: self.way.rows() and any(row.undo for row in self.way.rows()))
    @rule()
    def undo(self) -> None:
        undo = [row for row in self.way.rows() if row.undo][-1]
        self.rewind(undo.to, "conversation")

    @rule(place=PLACE, text=st.sampled_from(["", "By hand."]), files=st.sampled_from(["keep", "restore"]))
    def report(self, place: int, text: str, files: Any) -> None:
        own = checkpoints(self.history)
        if not own:
            return
        to = own[place % len(own)]
        try:
            self.run(self.way.report(to, text, files=files))
        except ForkError as refusal:
            self.refused(refusal, "files")
        else:
            last = self.history.rewinds[-1].body
            assert isinstance(last, Rewind)
            assert last.abandoned is not None
        self.proved()

    @precondition(lambda self: checkpoints(self.history))
    @rule()
    def compact(self) -> None:
        try:
            self.run(self.way.compact(""))
        except ForkError as refusal:
            self.refused(refusal, "nothing to compact")
        self.proved()

    @rule()
    def go_on(self) -> None:
        """What stands unanswered is answered; nothing else happens."""
        self.plan = []
        assert self.run(self.home.again()).status == "done"
        self.proved()

    @rule()
    def resume(self) -> None:
        name = self.way.session.agent.id

        async def again() -> None:
            await self.home.close()
            self.home.open(self.home.folder.name)
            go(self.way.session, name)

        self.run(again())
        self.proved()

    @rule(place=PLACE)
    def move(self, place: int) -> None:
        names = self.home.agents
        go(self.way.session, names[place % len(names)])

    @rule(place=PLACE, newest=st.booleans())
    def fork(self, place: int, newest: bool) -> None:
        numbers = [entry.seq for entry in self.history.entries if isinstance(entry.body, Checkpoint)]
        try:
            fork_conversation(self.way.session, None if newest or not numbers else numbers[place % len(numbers)])
        except ForkError as refusal:
            self.refused(refusal, "deep")
        self.proved()

    @rule(access=st.sampled_from(["read", "write"]))
    def access(self, access: Any) -> None:
        self.way.session.agent.record(AccessChange(access, net=False))
        self.proved()

    @rule(place=PLACE)
    def edit(self, place: int) -> None:
        (self.home.project / f"made-{place % 3}").write_text(f"mine {place}\n")

    @staticmethod
    def refused(refusal: ForkError, why: str) -> None:
        assert why in refusal.sentence

    # --- what holds ---------------------------------------------------------------------------------------------------

    def proved(self) -> None:
        session = self.way.session
        assert self.server.refusals == []
        assert check_session(self.home.folder) == []
        assert raw(self.home.history(session.agent.id)) == raw(self.history)
        for name in self.home.agents:
            written = (self.home.folder / "agents" / name / "history.jsonl").read_bytes()
            before = self.kept.get(name, b"")
            assert written.startswith(before)
            context = raw(self.home.history(name))
            if name in self.contexts and written == before:
                assert context == self.contexts[name]
            self.kept[name], self.contexts[name] = written, context
            numbers = [entry.seq for entry in self.home.own(name)]
            assert numbers == sorted(set(numbers))


def test_in_any_order_contexts_are_valid_and_nothing_is_lost(project: Path) -> None:
    machine = type("Placed", (AnyOrder,), {"place": project})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=6,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )
