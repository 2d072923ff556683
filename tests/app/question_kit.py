"""Scripts in which agents ask each other, and what came of it."""

from fork_kit import Den, answers, past, whose

from forkcli.core.entries import ToolResult
from forkcli.core.messages import Json, text_of
from forkcli.models.scripted import Reply, call, reply

ONLY = "made only to answer a question"


def ask(to: str, text: str = "what do you know?") -> Json:
    return call("send", to=to, text=text, wait=True)


def is_answering(request: Json) -> bool:
    return ONLY in str(request["messages"])


def sends(home: Den, agent: str) -> list[ToolResult]:
    return [body for body in home.bodies(agent, ToolResult) if body.name == "send"]


def said(home: Den, agent: str) -> list[str]:
    return [text_of(body.content) for body in sends(home, agent)]


def script(plans: dict[str, list[Reply]], answer: str = "the answer") -> object:
    """Plans for agents by their own steps; who answers says `answer` with who it is and how often it was asked."""

    def answered(request: Json) -> Reply:
        name = whose(request)
        if is_answering(request):
            asked = str(request["messages"]).count("<message from=")
            return reply(f"{answer} of {name}, question {asked}")
        plan = plans.get(name, [])
        step = answers(request) - past(request, name)
        return plan[step] if step < len(plan) else reply(f"{name} is done.")

    return answered
