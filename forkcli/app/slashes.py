"""The slash commands that this version has: each a short function from the rest of the line to what is shown."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from forkcli import __version__
from forkcli.app import slashes_back
from forkcli.app.board import LiveBoard
from forkcli.app.drafting import accept, propose
from forkcli.app.driver import ReplDriver, session_of
from forkcli.app.family import fork_conversation, fork_task, go, renew, stop_agent
from forkcli.app.session import resume_session
from forkcli.app.spawning import spawn
from forkcli.app.talking import ask, tell
from forkcli.commands.context import context_fill
from forkcli.commands.cost import cost_rows
from forkcli.commands.tree import session_tree
from forkcli.core.budget import share
from forkcli.core.decide import is_unfinished
from forkcli.core.entries import Access, AccessChange, ModelChange
from forkcli.core.ids import MAIN
from forkcli.core.reports import files_of
from forkcli.core.rewinding import standing
from forkcli.core.views import CostRow, CostView, TreeView
from forkcli.errors import ForkError, Kind
from forkcli.models.catalog import DEFAULT_MODEL, EFFORTS, MODELS, full_name
from forkcli.store.agent_files import TRANSCRIPT
from forkcli.store.files import read_text
from forkcli.ui import tables
from forkcli.ui.figures import price, tokens
from forkcli.ui.figures import share as share_of
from forkcli.ui.ports import Choice, Diff, Lines, Pager, Past, Quit, Shown, Slash, Table
from forkcli.workspace.git import diff

FILES_SHOWN = 15

Handler = Callable[[ReplDriver, str], Awaitable[Shown | None]]


def slashes_for(driver: ReplDriver) -> Sequence[Slash]:
    """The slash commands, acting on this driver."""
    return tuple(Slash(name, args, summary, _bound(handler, driver)) for name, args, summary, handler in TABLE)


def _bound(handler: Handler, driver: ReplDriver) -> Callable[[str], Awaitable[Shown | None]]:
    async def run(rest: str) -> Shown | None:
        if driver.session is not None:
            with suppress(ForkError):  # from where the focus cannot be opened, one can still go elsewhere
                await renew(driver.session)
        return await handler(driver, rest.strip())

    return run


async def _help(driver: ReplDriver, _rest: str) -> Shown:
    rows = tuple((f"/{slash.name} {slash.args}".strip(), slash.summary) for slash in driver.slashes())
    return Table(("command", "what it does"), (*rows, *_KEYS), "Commands and keys")


_KEYS = (
    ("!COMMAND", "run a shell command yourself; the model is shown it"),
    ("@PATH", "attach a file; Tab completes"),
    ("Enter", "send; while the agent works: tell it something"),
    ("Alt-Enter", "queue for after the turn"),
    ("Ctrl-J", "new line"),
    ("Esc", "stop the running step; what is done is kept; at a question: no, and stop"),
    ("Esc Esc", "empty the line; on an empty one: go back to an earlier point"),
    ("Ctrl-C", "clear the line; twice: quit"),
    ("Ctrl-R", "search earlier input"),
    ("Ctrl-D", "quit, on an empty line"),
)


async def _model(driver: ReplDriver, rest: str) -> Shown:
    settings = driver.around.settings
    now = driver.history.model or full_name(settings.model or DEFAULT_MODEL)
    if not rest:
        items = tuple((name, name, f"{tokens(facts.window)} context") for name, facts in MODELS.items())
        return Choice("Model", items, now)
    name = full_name(rest)
    doubt = await driver.around.model.doubt(name)
    await driver.change(replace(settings, model=name), ModelChange(name, driver.history.effort))
    said = [] if driver.session else [f"The model is now {name}."]
    return Lines(" ".join([*said, *([f"{doubt}."] if doubt else []), "Its cache begins empty."]))


async def _effort(driver: ReplDriver, rest: str) -> Shown | None:
    settings = driver.around.settings
    now = driver.history.effort if driver.session else settings.effort
    if not rest:
        return Choice("Effort", tuple((name, name, "") for name in EFFORTS), now)
    if rest not in EFFORTS:
        raise ForkError(f"there is no effort {rest!r}", f"one of: {', '.join(EFFORTS)}", kind=Kind.USAGE)
    model = driver.history.model or full_name(settings.model or DEFAULT_MODEL)
    await driver.change(replace(settings, effort=rest), ModelChange(model, rest))
    return None if driver.session else Lines(f"The effort is now {rest}.")


async def _access(driver: ReplDriver, rest: str) -> Shown | None:
    settings = driver.around.settings
    history = driver.history
    access, net = (history.access, history.net) if driver.session else (settings.access, settings.net)
    if not rest:
        items = (
            ("read", "read", "nothing can be written"),
            ("write", "write", "the project can be written; no network"),
            ("write net", "write net", "the project can be written; network"),
            ("full", "full", "no sandbox: everything you can do"),
        )
        return Choice("Access", items, f"{access} net" if net and access == "write" else access)
    access, net = _access_of(rest.split(), access)
    await driver.change(replace(settings, access=access, net=net), AccessChange(access, net))
    network = "on" if net or access == "full" else "off"
    return None if driver.session else Lines(f"Access is now {access}, network {network}.")


def _access_of(words: list[str], now: Access) -> tuple[Access, bool]:
    """The access and the network that the words name; an access that is not named stays."""
    net = "net" in words
    match [word for word in words if word != "net"]:
        case []:
            return now, net
        case ["read" | "write" | "full" as access]:
            return access, net
    wrong = " ".join(words)
    raise ForkError(f"{wrong!r} is no access", "one of: read, write, full; `net` with it: network", kind=Kind.USAGE)


async def _context(driver: ReplDriver, _rest: str) -> Shown:
    if not driver.history.messages:
        return Lines("The context is empty: it begins with your first prompt.")
    fill = context_fill(driver.history, driver.window)
    kinds = tuple((row.what, f"{row.count}", f"{row.tokens:,}") for row in fill.kinds)
    files = tuple((f"  {row.what}", f"{row.count}", f"{row.tokens:,}") for row in fill.files[:FILES_SHOWN])
    filled = f" of {driver.window:,} ({share(fill.tokens, driver.window):.0%})" if driver.window else ""
    rest = fill.files[FILES_SHOWN:]
    more = (f"  {len(rest)} more", f"{sum(row.count for row in rest)}", f"{sum(row.tokens for row in rest):,}")
    of_files = (("of that, by file:", "", ""), *files, *([more] if rest else [])) if files else ()
    return Table(("what", "blocks", "tokens"), (*kinds, *of_files), f"Context: about {fill.tokens:,} tokens{filled}")


async def _cost(driver: ReplDriver, _rest: str) -> Shown:
    histories = LiveBoard(driver.session, driver.window).histories() if driver.session else {}
    view = cost_rows(histories.values())
    if not view.rows:
        return Lines("No model was called yet.")
    rows = [_cost_cells(row.model, row) for row in view.rows]
    if len(rows) > 1:
        rows.append(_cost_cells("all models", view))
    agents = len(histories)
    here = driver.history.agent.agent if driver.history.agent else MAIN
    if agents > 1:
        rows.append(_cost_cells(f"{here} alone", cost_rows([driver.history])))
    unpriced = ", ".join(row.model for row in view.rows if row.cost_usd is None)
    note = f" (no price is known here for {unpriced})" if unpriced else ""
    of = f": {agents} agents" if agents > 1 else ""
    return Table(("model", "steps", "in", "cached", "out", "cost"), tuple(rows), f"Cost of the session{of}{note}")


def _cost_cells(what: str, row: CostRow | CostView) -> tuple[str, ...]:
    usage = row.usage
    cached = share_of(usage.cache_share)
    return (what, f"{row.steps}", tokens(usage.prompt_tokens), cached, tokens(usage.output_tokens), price(row.cost_usd))


async def _history(driver: ReplDriver, _rest: str) -> Shown:
    if driver.session is None:
        return Lines("Nothing has happened yet.")
    path = driver.session.files.folder / TRANSCRIPT
    try:
        text = read_text(path)
    except OSError as error:
        raise ForkError(f"cannot read {path} ({(error.strerror or str(error)).lower()})") from error
    return Pager(str(path.relative_to(driver.around.settings.project)), text)


async def _diff(driver: ReplDriver, rest: str) -> Shown:
    if rest and rest != MAIN:  # what `main` changed is in the project itself
        session = session_of(driver)
        text = await session.diff_of(rest)
        return Diff(text) if text.strip() else Lines(f"{rest} changed no file.")
    text = await diff(driver.around.settings.project)
    return Diff(text) if text.strip() else Lines("No file differs from the last commit.")


async def _resume(driver: ReplDriver, rest: str) -> Shown:
    scratch = driver.around.scratch
    current = driver.session.id if driver.session else None
    if not rest:
        items = tuple(
            (s.id, s.title or "(no prompt)", f"{s.updated.astimezone():%Y-%m-%d %H:%M}") for s in scratch.sessions()
        )
        return Choice("Resume", items, current) if items else Lines("There is no session yet.")
    chosen = scratch.find(rest)
    if chosen == current:
        return Lines(f"You are in {chosen} already.")
    _at_rest(driver, "/resume")
    await driver.switch(resume_session(driver.around, chosen))
    return past(driver)


def _at_rest(driver: ReplDriver, then: str) -> None:
    """Raises ForkError while an agent of the open session works: leaving the session would stop it."""
    session = driver.session
    if session is None:
        return
    working = [*(agent.id for agent in session.conversations if agent.task), *session.fleet.members]
    if working:
        names = ", ".join(dict.fromkeys(working))
        stop = "Esc stops it" if session.agent.task else f"/stop {working[0]} stops it"
        raise ForkError(f"leaving the session would stop what works in it: {names}", f"{stop}; then {then}")


def past(driver: ReplDriver) -> Shown:
    """What led to where the agent in focus stands, as the screen would have shown it."""
    return Past(tuple(standing(driver.history.entries)), driver.session.agent.id if driver.session else "main")


async def _continue(driver: ReplDriver, _rest: str) -> Shown | None:
    if driver.session is None or not is_unfinished(driver.history):
        return Lines("No turn is unfinished.")
    await driver.finish(__version__)
    return None


async def _review(driver: ReplDriver, rest: str) -> Shown | None:
    """Have what this session changed reviewed, with `rest` as the perspective; the agent goes on with the findings."""
    session = session_of(driver)
    if session.agent.task is not None:
        raise ForkError(f"{session.agent.id} is at work", "/review when it has stopped, or Esc stops it")
    if driver.history.answer is None:
        raise ForkError("nothing has been done yet that could be reviewed", "it begins with your first prompt")
    await driver.review(rest, __version__)
    return None


async def _init(driver: ReplDriver, rest: str) -> Shown:
    """Draft an AGENTS.md, then ask: the answer comes back as `rest`."""
    draft, driver.draft = driver.draft, None
    if rest and (draft is None or rest not in {"write", "leave"}):
        raise ForkError("`/init` takes no words", "a prompt can say what AGENTS.md should hold", kind=Kind.USAGE)
    session = await driver.open()
    if rest == "write" and draft is not None:
        accept(session.around.workspace, draft)
        return Lines("AGENTS.md is written.")
    if rest == "leave" and draft is not None:
        return Lines(f"Nothing was written; the draft is {draft.kept.relative_to(driver.around.settings.project)}.")
    if session.agent.task is not None:
        raise ForkError(f"{session.agent.id} is at work", "Esc stops it; then /init")
    end, draft = await driver.whole(propose(session, "repl"))
    await driver.measure()
    if draft is None:
        return Lines("The agent has written no draft." if end.status == "done" else "AGENTS.md stays as it was.")
    if not draft.diff:
        return Lines("AGENTS.md stays as it is: the agent found nothing to change.")
    driver.draft = draft
    answers = (("write", "write AGENTS.md", ""), ("leave", "leave it as it is", "the draft is kept"))
    return Choice("Write it?", answers, about=Diff(draft.diff))


async def _new(driver: ReplDriver, _rest: str) -> Shown:
    _at_rest(driver, "/new")
    await driver.switch(None)
    return Lines("A new session begins with your next prompt.")


async def _fork(driver: ReplDriver, rest: str) -> Shown:
    session = session_of(driver)
    if not driver.history.was_asked:
        raise ForkError(
            f"{session.agent.id} has been asked nothing yet, so there is nothing that a fork would know",
            "`/spawn TASK` starts an agent that needs no past",
        )
    if rest:
        name = await fork_task(session, rest)
        return Lines(f"{name} works on it; its report comes to {session.agent.id}. /go {name} moves there.")
    parent = session.agent.id
    name = fork_conversation(session)
    return Lines(f"You are in {name} now, a fork of {parent}, which stays as it is. /go {parent} moves back.")


async def _go(driver: ReplDriver, rest: str) -> Shown | None:
    session = session_of(driver)
    if not rest:
        items = tuple((row.agent, row.agent, row.task) for row in agents_of(driver).agents)
        return Choice("Go to", items, session.agent.id)
    go(session, rest)
    await driver.measure()
    return past(driver)


async def _stop(driver: ReplDriver, rest: str) -> Shown:
    session = session_of(driver)
    name = rest or session.agent.id
    return Lines(f"{name} is stopped." if stop_agent(session, name) else f"{name} does not run.")


async def _merge(driver: ReplDriver, rest: str) -> Shown:
    session = session_of(driver)
    if not rest:
        children = ", ".join(session.agent.history.forks) or "none"
        raise ForkError("`/merge` takes an agent", f"{session.agent.id}'s children: {children}", kind=Kind.USAGE)
    if session.agent.task is not None:
        raise ForkError(f"{session.agent.id} is at work", "merge when it has stopped, or let it use its `merge` tool")
    merge = await session.merge(rest)
    return Lines(f"Files of {merge.agent}: {files_of(merge)}.")


async def _agents(driver: ReplDriver, _rest: str) -> Shown:
    return LiveBoard(session_of(driver), driver.window).shown()


async def _tree(driver: ReplDriver, _rest: str) -> Shown:
    states = {row.agent: row.state for row in LiveBoard(session_of(driver), driver.window).view().rows}
    return Lines(tables.tree(agents_of(driver), None, states).rstrip())


def agents_of(driver: ReplDriver) -> TreeView:
    """The agents of the open session."""
    return session_tree(driver.around.settings.project, session_of(driver).id)


async def _quit(_driver: ReplDriver, _rest: str) -> Shown:
    return Quit()


TABLE: tuple[tuple[str, str, str, Handler], ...] = (
    ("help", "", "the commands and keys", _help),
    ("model", "[NAME]", "show or change the model", _model),
    ("effort", "[LEVEL]", "how hard the model thinks", _effort),
    ("access", "[read|write|full] [net]", "what commands may touch", _access),
    ("fork", "[TASK]", "fork: with a task into the background, without one move into the fork", _fork),
    ("spawn", "[--me] TASK", "an agent with a fresh context, in the background; --me: it asks you first", spawn),
    ("go", "[AGENT]", "move to another agent", _go),
    ("agents", "", "the agents, live: what each does, its steps, cost and cache", _agents),
    ("tree", "", "the agents as a tree", _tree),
    ("merge", "AGENT", "bring the files of a fork that kept them into yours", _merge),
    ("ask", "[AGENT] QUESTION", "a fork of an agent answers; the agent is not disturbed", ask),
    ("tell", "AGENT TEXT", "leave a message for an agent", tell),
    ("stop", "[AGENT]", "stop an agent; what it has is its report", _stop),
    ("rewind", "[N]", "go back: conversation, files or both", slashes_back.rewind),
    ("report", "[N [TEXT]]", "go back to N and hand what was learnt to the past self", slashes_back.report),
    ("compact", "[FOCUS]", "go back to the first prompt with a report of all since", slashes_back.compact),
    ("context", "", "what fills the context", _context),
    ("cost", "", "tokens and dollars so far, of all agents", _cost),
    ("history", "", "everything that happened, in a pager", _history),
    ("diff", "[AGENT]", "what differs from the last commit, or what a fork changed", _diff),
    ("continue", "", "finish a turn that was stopped or failed", _continue),
    ("review", "[PERSPECTIVE]", "have a fresh agent look for faults in what was done; you may say what for", _review),
    ("init", "", "study the project and draft its AGENTS.md", _init),
    ("resume", "[SESSION]", "go on with another session", _resume),
    ("new", "", "begin a new session", _new),
    ("quit", "", "leave", _quit),
)
