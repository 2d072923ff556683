"""`rewind`: what it takes, and what it asks of whoever takes agents back."""

from dataclasses import replace

import pytest
from tools_kit import Desk, complaint

from forkcli.engine.ports import RewindOrder
from forkcli.errors import ForkError
from forkcli.tools.rewind import rewind_tool

REWIND = rewind_tool()


def refused(**args: object) -> str:
    with pytest.raises(ForkError) as caught:
        REWIND.check(args)
    return complaint(caught.value)


async def test_the_order_goes_to_whoever_rewinds_and_that_answers_the_call(desk: Desk) -> None:
    ordered: list[RewindOrder] = []

    async def rewind(wanted: RewindOrder) -> None:
        ordered.append(wanted)

    args = REWIND.check({"to": 12, "report": "\nThe rounding is right.\n"})
    assert await REWIND.run(args, replace(desk.env(), rewind=rewind)) is None
    assert ordered == [RewindOrder(12, "The rounding is right.", "keep")]


async def test_where_nobody_can_rewind_the_model_reads_so(desk: Desk) -> None:
    with pytest.raises(ForkError, match="nothing can be rewound here"):
        await REWIND.run(REWIND.check({"to": 3, "report": "x", "files": "restore"}), desk.env())


def test_a_report_has_to_say_something() -> None:
    assert "say what you found and what is left" in refused(to=3, report=" \n")
    assert "`report`" in refused(to=3, report="")
    assert "`rewind` needs `report`" in refused(to=3)


def test_a_checkpoint_is_a_number_and_files_are_kept_or_restored() -> None:
    assert "`to` of `rewind` must be an integer" in refused(to="12", report="x")
    assert "`to` of `rewind` must be" in refused(to=0, report="x")
    assert '"keep", "restore"' in refused(to=3, report="x", files="merge")
    assert "no field `checkpoint`" in refused(to=3, report="x", checkpoint=3)


def test_it_is_never_run_beside_other_calls() -> None:
    assert not REWIND.only_reads({})
