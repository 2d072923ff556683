"""What the pace lets out, against any order of what can happen. Time is a number here; nobody waits."""

import math

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from forkcli.engine.pace import Pace


def _may_leave(machine: "AnyOrder") -> bool:
    return machine.pace.may_leave(machine.now)


def _any_out(machine: "AnyOrder") -> bool:
    return bool(machine.out)


class AnyOrder(RuleBasedStateMachine):
    """Requests leave, are answered, refused, broken; time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.pace = Pace()
        self.now = 0.0
        self.out: list[int] = []
        self.probes = 0  # since the newest pause began, until an answer began

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(_may_leave)
    @rule(most=st.integers(1, 40))
    def some_leave(self, most: int) -> None:
        while most and self.pace.may_leave(self.now):
            assert self.now >= self.pace.paused_until
            if self.pace.refusals:
                self.probes += 1
            else:
                assert len(self.out) < self.pace.limit
            self.out.append(self.pace.leave())
            most -= 1

    @precondition(_any_out)
    @rule(at=st.integers(0, 100))
    def an_answer_begins(self, at: int) -> None:
        before = self.pace.limit
        number = self.out[at % len(self.out)]
        self.pace.accepted(number)
        assert before <= self.pace.limit <= before + 1
        if not self.pace.refusals:
            self.probes = 0

    @precondition(_any_out)
    @rule(at=st.integers(0, 100), pause=st.floats(0.1, 60), asked=st.booleans())
    def one_is_refused(self, at: int, pause: float, asked: bool) -> None:
        before, crowd, refusals = self.pace.limit, len(self.out), self.pace.refusals
        number = self.out.pop(at % len(self.out))
        news = self.pace.refused(number, self.now, pause, asked=asked)
        self.pace.ended(number)
        if news:
            assert not self.pace.may_leave(self.now)
            assert self.pace.limit <= max(1, crowd // 2)
            self.probes = 0
        else:
            assert (self.pace.limit, self.pace.refusals) == (before, refusals)
        if asked:
            assert self.pace.paused_until >= self.now + pause

    @precondition(_any_out)
    @rule(at=st.integers(0, 100))
    def one_ends(self, at: int) -> None:
        number = self.out.pop(at % len(self.out))
        if number == self.pace._probe:
            self.probes -= 1
        self.pace.ended(number)

    @invariant()
    def it_counts_what_is_out_and_at_most_one_probe_is(self) -> None:
        assert self.pace.out == len(self.out)
        assert self.pace.limit >= 1
        assert self.probes <= 1

    def teardown(self) -> None:
        """Whatever came before: when all is over and the pause too, somebody may leave."""
        for number in self.out:
            self.pace.ended(number)
        assert self.pace.may_leave(max(self.now, self.pace.paused_until))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_nothing_is_bounded_before_something_was_refused() -> None:
    pace = Pace()
    assert [pace.leave() for _ in range(500)] == list(range(1, 501))
    assert pace.may_leave(0.0)
    assert pace.limit == math.inf


def test_one_refusal_among_many_that_are_answered_halves_what_may_be_out() -> None:
    pace = Pace()
    numbers = [pace.leave() for _ in range(16)]
    for number in numbers[:15]:
        pace.accepted(number)
    assert pace.refused(numbers[15], 0.0, 0.5)
    pace.ended(numbers[15])
    assert pace.limit == 8
    assert not pace.may_leave(0.4)
    probe = pace.leave()
    assert not pace.may_leave(0.6)
    pace.accepted(probe)
    assert not pace.may_leave(0.7)  # sixteen are out, and eight may be
    for number in (*numbers[:7], probe):
        pace.ended(number)
    assert pace.may_leave(0.8)


def test_after_a_wall_it_doubles_with_each_round_up_to_half_and_then_grows_by_one_a_round() -> None:
    pace = Pace()
    wall = [pace.leave() for _ in range(64)]
    for number in wall:
        pace.refused(number, 0.0, 1.0)
    for number in wall:
        pace.ended(number)
    now, crowds = 1.0, []
    for _ in range(4):  # probes
        probe = pace.leave()
        pace.refused(probe, now, 1.0)
        pace.ended(probe)
        now += 1.0
    for _ in range(9):
        round_ = []
        while pace.may_leave(now):
            round_.append(pace.leave())
        for number in round_:
            pace.accepted(number)
        for number in round_:
            pace.ended(number)
        crowds.append(len(round_))
    assert crowds == [1, 2, 4, 8, 16, 32, 33, 34, 35]
