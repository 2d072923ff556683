"""Which commands ran outside of the sandbox since an entry, so that nobody expects a rewind to undo them."""

from typing import Literal

from build import answer, entries, tool_use

from forkcli.core.check_entries import Checked
from forkcli.core.entries import AccessChange, Approval, Body, Rewind, ToolStart
from forkcli.core.ids import CallId, Seq
from forkcli.core.outside import ran_outside


def run(call: str, command: str, answered: Literal["once", "always", "no"] | None = None) -> list[Body]:
    asked: list[Body] = [Approval(CallId(call), "unsandboxed", command, answered)] if answered else []
    return [answer(tool_use(call, "bash", command=command)), ToolStart(CallId(call), "bash"), *asked]


def outside(*bodies: Body, since: int = 0) -> tuple[str, ...]:
    return ran_outside(entries(bodies), Seq(since))


def test_those_that_the_user_let_out_are_named_once_and_no_others() -> None:
    said = [
        *run("a", "make"),
        *run("b", "make install", "once"),
        *run("c", "rm x", "no"),
        *run("d", "make install", "once"),
    ]
    assert outside(*said) == ("make install",)
    assert outside(*said, since=11) == ("make install",)
    assert outside(*said, since=12) == ()


def test_leave_for_always_counts_for_every_later_run_of_that_command() -> None:
    first = run("a", "make install", "always")
    assert outside(*first, *run("b", "make"), *run("c", "make install"), since=4) == ("make install",)


def test_with_full_access_every_command_did_and_the_users_check_too() -> None:
    full, write = AccessChange("full", net=True), AccessChange("write", net=False)
    check = Checked("until", "pytest", passed=True, round=1, rounds=5)
    said = [*run("a", "one"), full, *run("b", "two"), check, write, *run("c", "three")]
    assert outside(*said) == ("two", "pytest")


def test_a_job_that_is_stopped_is_no_command_and_a_rewind_takes_none_back() -> None:
    stop = [answer(tool_use("s", "bash", stop="j1")), ToolStart(CallId("s"), "bash")]
    assert outside(AccessChange("full", net=True), *run("a", "two"), *stop, Rewind(Seq(2), "user")) == ("two",)
