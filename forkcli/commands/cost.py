"""`/cost`: what the model calls of agents came to, by model. Pure."""

from collections.abc import Iterable

from forkcli.core.entries import Assistant, Paid
from forkcli.core.history import History
from forkcli.core.views import CostRow, CostView, cost_of, usage_of


def cost_rows(histories: Iterable[History]) -> CostView:
    """A row a model, in the order in which they were first used. What keeping the cache warm cost is in the sums.

    Of each agent it is what it spent itself, so that a past that agents share counts once.
    """
    calls = [call for history in histories for call in history.own_paid()]
    models = dict.fromkeys(call.model for call in calls)
    rows = tuple(_row(model, [one for one in calls if one.model == model]) for model in models)
    return CostView(rows, _steps(calls), usage_of(calls), cost_of(calls))


def _row(model: str, calls: list[Paid]) -> CostRow:
    return CostRow(model, _steps(calls), usage_of(calls), cost_of(calls))


def _steps(calls: list[Paid]) -> int:
    return sum(isinstance(call, Assistant) for call in calls)
