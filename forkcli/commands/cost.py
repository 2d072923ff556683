"""`/cost`: what a history's model calls came to, by model. Pure."""

from forkcli.core.entries import Assistant, Usage
from forkcli.core.history import History
from forkcli.core.views import CostRow, CostView, answers_of, cost_of


def cost_rows(history: History) -> CostView:
    """A row a model, in the order in which they were first used."""
    answers = answers_of(history)
    models = dict.fromkeys(answer.model for answer in answers)
    rows = tuple(_row(model, [one for one in answers if one.model == model]) for model in models)
    return CostView(rows, len(answers), _sum(answers), cost_of(answers))


def _row(model: str, answers: list[Assistant]) -> CostRow:
    return CostRow(model, len(answers), _sum(answers), cost_of(answers))


def _sum(answers: list[Assistant]) -> Usage:
    total = Usage()
    for answer in answers:
        total = total.plus(answer.usage)
    return total
