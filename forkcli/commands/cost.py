"""`/cost`: what a history's model calls came to, by model. Pure."""

from forkcli.core.entries import Assistant, Paid
from forkcli.core.history import History
from forkcli.core.views import CostRow, CostView, cost_of, paid_of, usage_of


def cost_rows(history: History) -> CostView:
    """A row a model, in the order in which they were first used. What keeping the cache warm cost is in the sums."""
    calls = paid_of(history)
    models = dict.fromkeys(call.model for call in calls)
    rows = tuple(_row(model, [one for one in calls if one.model == model]) for model in models)
    return CostView(rows, _steps(calls), usage_of(calls), cost_of(calls))


def _row(model: str, calls: list[Paid]) -> CostRow:
    return CostRow(model, _steps(calls), usage_of(calls), cost_of(calls))


def _steps(calls: list[Paid]) -> int:
    return sum(isinstance(call, Assistant) for call in calls)
