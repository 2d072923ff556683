"""Reports of children across rewinds: every self has those of its own, once each, wherever the head has been."""

import re
from dataclasses import dataclass

from core.build import answer, entries, prompt, result, seal, tool_use
from hypothesis import given, settings
from hypothesis import strategies as st

from forkcli.core import entries as e
from forkcli.core.decide import unreported
from forkcli.core.history import History
from forkcli.core.ids import AgentId, CallId, Seq
from forkcli.core.messages import text_of

F1, F2 = AgentId("f1"), AgentId("f2")
FROM = re.compile(r"REPORT-(f\d+)!")


def fork(*names: AgentId, call: str = "", wait: bool = False) -> e.Fork:
    return e.Fork(tuple(e.Child(name, "t") for name in names), Seq(3), CallId(call) if call else None, wait=wait)


def report(name: AgentId) -> e.Report:
    return e.Report(name, "done", f"REPORT-{name}!")


def of(*bodies: e.Body) -> History:
    return History.of(entries(bodies))


def heard(history: History) -> list[str]:
    """Whose reports the context holds when what waits is sealed, each as often as it does."""
    sealed = History.of([*history.entries, e.Entry(history.next_seq, "", prompt()), e.Entry(Seq(10**6), "", seal())])
    said = "\n".join(text_of(_inner(block)) for m in sealed.messages for block in m.content)
    return sorted(FROM.findall(said))


def _inner(block: dict[str, object]) -> list[dict[str, object]]:
    content = block.get("content")
    return content if isinstance(content, list) else [block]


TURN: list[e.Body] = [prompt(), seal(3), answer(tool_use("c1", "fork")), fork(F1, F2, call="c1"), result("c1")]
LEFT = len(TURN) + 1  # the number of the newest entry of that
LET_GO = e.Rewind(Seq(3), "user", asks=False, let_go=(F1, F2))


def test_who_was_let_go_reports_to_nobody_until_the_rewind_is_undone() -> None:
    bodies = [*TURN, LET_GO, report(F1)]
    assert heard(of(*bodies)) == []
    assert unreported(of(*bodies)) == []
    undone = [*bodies, e.Rewind(Seq(LEFT), "user", asks=False)]
    assert heard(of(*undone)) == ["f1"]
    assert unreported(of(*undone)) == ["f2"]
    assert heard(of(*undone, report(F2), report(F1))) == ["f1", "f2"]


def test_undoing_again_and_again_brings_no_report_twice() -> None:
    undo = [e.Rewind(Seq(LEFT), "user", asks=False), LET_GO] * 3
    assert heard(of(*TURN, LET_GO, report(F1), *undo, e.Rewind(Seq(LEFT), "user"))) == ["f1"]
    assert heard(of(*TURN, LET_GO, report(F1), *undo)) == []


def test_whoever_adopted_children_has_their_reports_and_so_has_who_is_back_later() -> None:
    adopted = [*TURN, e.Rewind(Seq(3), "user", asks=False), report(F1)]
    assert heard(of(*adopted)) == ["f1"]
    assert heard(of(*adopted, e.Rewind(Seq(LEFT), "user"))) == ["f1"]


def test_the_past_selfs_own_children_report_to_it_whatever_was_left_behind() -> None:
    later = [prompt("more"), seal(9), answer("so")]
    bodies = [*TURN, seal(7), answer("on"), report(F1), *later]
    assert heard(of(*bodies, e.Rewind(Seq(LEFT), "user"))) == ["f1"]
    assert unreported(of(*bodies, e.Rewind(Seq(LEFT), "user"))) == ["f2"]


def test_who_is_back_at_a_call_that_waited_for_children_is_told_that_they_report_by_message() -> None:
    waiting = [prompt(), seal(3), answer(tool_use("c1", "fork")), fork(F1, F2, call="c1", wait=True), report(F1)]
    history = of(*waiting, LET_GO, report(F2), e.Rewind(Seq(6), "user", asks=False), prompt("on"), seal(11))
    assert heard(history) == ["f1", "f2"]
    assert "each report of f1, f2 reaches you as a message" in str(history.messages[-1].content)
    assert not unreported(history)


def test_a_call_that_was_answered_later_is_not_waited_for_again() -> None:
    waiting = [prompt(), seal(3), answer(tool_use("c1", "fork")), fork(F1, call="c1", wait=True), report(F1)]
    history = of(*waiting, result("c1"), seal(8), answer("so"), e.Rewind(Seq(5), "user", asks=False))
    assert heard(history) == ["f1"]
    unheard = of(*waiting[:-1], result("c1"), seal(7), answer("so"), e.Rewind(Seq(5), "user", asks=False))
    assert unreported(unheard) == ["f1"]


# --- any order --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Self:
    """What the oracle knows of a head: whose reports it is to have, and whose it has had."""

    own: frozenset[str] = frozenset()
    had: frozenset[str] = frozenset()


ORDERS = st.tuples(st.just("fork"), st.integers(1, 2), st.booleans())
DEEDS = st.one_of(
    ORDERS,
    st.tuples(st.just("report"), st.integers(0, 9), st.just(False)),
    st.tuples(st.just("back"), st.integers(0, 40), st.booleans()),
    st.tuples(st.just("say"), st.just(0), st.just(False)),
)


class Oracle:
    """Plays deeds, and keeps apart from the fold who has to hear what."""

    def __init__(self) -> None:
        self.bodies: list[e.Body] = [prompt(), seal(3)]
        self.here = Self()
        self.selves: dict[int, Self] = {3: self.here}
        self.names: list[str] = []
        self.reported: set[str] = set()

    def put(self, *bodies: e.Body) -> None:
        for body in bodies:
            self.bodies.append(body)
            self.selves[len(self.bodies) + 1] = self.here

    def hear(self) -> None:
        due = self.here.own & self.reported
        self.here = Self(self.here.own, self.here.had | due)
        self.selves[len(self.bodies) + 1] = self.here

    def play(self, deed: str, number: int, flag: bool) -> None:
        if deed == "fork":
            made = tuple(AgentId(f"f{len(self.names) + n + 1}") for n in range(number))
            self.names += made
            call = f"c{len(self.bodies)}"
            self.put(answer(tool_use(call, "fork")))
            self.here = Self(self.here.own | set(made), self.here.had)
            self.put(fork(*made, call=call), result(call), seal(len(self.bodies) + 4))
        elif deed == "report" and self.names:
            name = AgentId(self.names[number % len(self.names)])
            self.reported.add(name)
            self.put(report(name))
            self.hear()
        elif deed == "back":
            to = max(3, number % (len(self.bodies) + 1) + 1)
            left, landed = self.here, self.selves[to]
            working = (left.own - self.reported) - landed.own
            let_go = tuple(AgentId(name) for name in sorted(working)) if flag else ()
            self.here = Self(landed.own | (working - set(let_go)), landed.had)
            self.put(e.Rewind(Seq(to), "user", asks=False, let_go=let_go))
            self.hear()
        elif deed == "say":
            self.put(prompt(), seal(len(self.bodies) + 3), answer("yes"))


@settings(max_examples=300, deadline=None)
@given(st.lists(DEEDS, max_size=14))
def test_in_any_order_each_self_has_every_report_of_its_own_children_once(deeds: list[tuple[str, int, bool]]) -> None:
    oracle = Oracle()
    for deed in deeds:
        oracle.play(*deed)
        history = of(*oracle.bodies)
        assert heard(history) == sorted(oracle.here.had)
        assert unreported(history) == [n for n in oracle.names if n in oracle.here.own - oracle.reported]
    grown = History()
    for entry in entries(oracle.bodies):
        grown.add(entry)
        assert grown.head_at(entry.seq).awaits == grown.head.awaits
    assert [m.raw for m in grown.messages] == [m.raw for m in of(*oracle.bodies).messages]
