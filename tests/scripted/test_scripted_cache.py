"""The cache's accounting against the documented rules, and against known costs of forking."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted_wire import MODEL, Json, ask, assistant, post, use, user

from forkcli.models.scripted import Cache, ModelInfo, Reply, ScriptedServer, say
from forkcli.models.scripted.cache import Look, tokens_of
from forkcli.models.scripted.catalog import CATALOG
from forkcli.models.scripted.parts import dump, parts_of

OPUS = CATALOG[MODEL]
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> Cache:
    return Cache(clock)


def sized(tokens: int, name: str, **more: object) -> Json:
    """A text block that counts as exactly so many tokens."""
    block = {"type": "text", "text": f"{name} "}
    block["text"] += "x" * (tokens * 4 - len(dump(block)))
    return {**block, **more}


def marked(block: Json, mark: Json = MARK) -> Json:
    return {**block, "cache_control": mark}


def send(cache: Cache, request: Json, model: ModelInfo = OPUS, **more: object) -> Look:
    """A request whose answer begins at once."""
    look = cache.look(request, model, **more)
    cache.commit(look)
    return look


def prompt_tokens(request: Json) -> int:
    return tokens_of(parts_of(request))


def figures(look: Look) -> tuple[int, int, int]:
    return look.read, look.written_5m + look.written_1h, look.uncached


# --- the rules ----------------------------------------------------------------------------------------------------


def test_what_is_marked_is_written_once_and_then_read(cache: Cache) -> None:
    first = ask(user(marked(sized(1000, "a")), sized(50, "tail")))
    assert figures(send(cache, first)) == (0, 1000, 50)
    assert figures(send(cache, first)) == (1000, 0, 50)


def test_nothing_is_written_without_a_mark(cache: Cache) -> None:
    plain, with_mark = sized(1000, "a"), marked(sized(1000, "a"))
    send(cache, ask(user(plain)))
    assert figures(send(cache, ask(user(with_mark)))) == (0, 1000, 0)


def test_an_entry_is_found_from_a_later_mark_and_the_rest_is_written(cache: Cache) -> None:
    send(cache, ask(user(marked(sized(1000, "a")))))
    longer = ask(user(sized(1000, "a")), assistant(sized(100, "b")), user(marked(sized(200, "c")), sized(10, "d")))
    assert figures(send(cache, longer)) == (1000, 300, 10)


@pytest.mark.parametrize(("between", "read"), [(18, 1000), (19, 0)])
def test_a_mark_sees_twenty_positions_itself_included(cache: Cache, between: int, read: int) -> None:
    send(cache, ask(user(marked(sized(1000, "a")))))
    blocks = [sized(10, f"b{i}") for i in range(between)]
    assert send(cache, ask(user(sized(1000, "a"), *blocks, marked(sized(10, "z"))))).read == read


def test_an_entry_is_the_whole_prefix_not_the_block(cache: Cache) -> None:
    send(cache, ask(user(sized(600, "a"), marked(sized(600, "b")))))
    assert send(cache, ask(user(sized(600, "A"), marked(sized(600, "b"))))).read == 0


@pytest.mark.parametrize("model", CATALOG.values(), ids=lambda model: model.id)
def test_a_prefix_below_the_models_minimum_is_silently_not_cached(cache: Cache, model: ModelInfo) -> None:
    for tokens, written in ((model.min_cached - 1, 0), (model.min_cached, model.min_cached)):
        request = ask(user(marked(sized(tokens, "a"))))
        assert send(cache, request, model).written_5m == written
        assert cache.look(request, model).read == written


def test_an_entry_cannot_be_read_before_its_writers_answer_has_begun(cache: Cache) -> None:
    request = ask(user(marked(sized(1000, "a"))))
    first, second = cache.look(request, OPUS), cache.look(request, OPUS)
    assert (figures(first), figures(second)) == ((0, 1000, 0), (0, 1000, 0))
    cache.commit(first)
    assert figures(cache.look(request, OPUS)) == (1000, 0, 0)


@pytest.mark.parametrize(("mark", "lives"), [(MARK, 300), (HOUR, 3600)])
def test_an_entry_lives_from_the_start_of_the_request(cache: Cache, clock: Clock, mark: Json, lives: int) -> None:
    request = ask(user(marked(sized(1000, "a"), mark)))
    look = cache.look(request, OPUS)
    clock.now += 100
    cache.commit(look)
    clock.now += lives - 100.5
    assert Cache.look(cache, request, OPUS).read == 1000
    clock.now += lives + 0.5
    assert cache.look(request, OPUS).read == 0


def test_each_read_makes_an_entry_live_on_and_so_does_reading_a_longer_prefix(cache: Cache, clock: Clock) -> None:
    short = ask(user(marked(sized(1000, "a"))))
    long = ask(user(sized(1000, "a"), marked(sized(100, "b"))))
    send(cache, short)
    send(cache, long)
    for _ in range(5):
        clock.now += 299
        assert send(cache, long).read == 1100
    clock.now += 299
    assert cache.look(short, OPUS).read == 1000


def test_lifetimes_are_told_apart_in_usage(cache: Cache) -> None:
    request = ask(user(marked(sized(1000, "b"))), system=[marked(sized(2000, "a"), HOUR)])
    usage = send(cache, request).usage
    assert usage["cache_creation"] == {"ephemeral_1h_input_tokens": 2000, "ephemeral_5m_input_tokens": 1000}
    assert usage["cache_creation_input_tokens"] == 3000
    assert (usage["cache_read_input_tokens"], usage["input_tokens"]) == (0, 0)


def test_marks_themselves_are_no_part_of_the_prefix(cache: Cache) -> None:
    send(cache, ask(user(sized(500, "a"), marked(sized(500, "b")))))
    request = ask(user(marked(sized(500, "a")), marked(sized(500, "b"), HOUR), marked(sized(100, "c"))))
    assert send(cache, request).read == 1000


def test_the_automatic_mark_stands_on_the_last_block_that_can_hold_one(cache: Cache) -> None:
    request = ask(user(sized(1000, "a")), cache_control=MARK)
    assert figures(send(cache, request)) == (0, 1000, 0)
    assert figures(send(cache, request)) == (1000, 0, 0)


def test_a_string_and_its_text_block_are_the_same(cache: Cache) -> None:
    text = sized(1000, "a")["text"]
    send(cache, ask(user(marked(sized(1000, "a"))), system="be good"))
    again = ask({"role": "user", "content": text}, cache_control=MARK, system=[say("be good")])
    assert send(cache, again).read == prompt_tokens(again) == 1008


TOOL = {"name": "bash", "description": "x" * 4000, "input_schema": {"type": "object"}}
BASE = ask(
    user(marked(sized(3000, "m"))),
    tools=[marked(TOOL)],
    system=[marked(sized(2000, "s"))],
    thinking={"type": "adaptive"},
)
TOOLS = prompt_tokens({"tools": [TOOL]})
ALL, SYSTEM = TOOLS + 5000, TOOLS + 2000
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({}, ALL),
        ({"max_tokens": 5, "stream": True, "metadata": {"user_id": "u"}}, ALL),
        ({"tool_choice": {"type": "auto"}, "output_config": {"effort": "medium"}, "speed": "standard"}, ALL),
        ({"thinking": None}, ALL),
        ({"output_config": {"effort": "high"}}, SYSTEM),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, SYSTEM),
        ({"tool_choice": {"type": "none"}}, SYSTEM),
        ({"messages": [user(marked(sized(3000, "m")), IMAGE)]}, SYSTEM),
        ({"messages": [user(marked(sized(3000, "other")))]}, SYSTEM),
        ({"system": [marked(sized(2000, "other"))]}, TOOLS),
        ({"tools": [marked({**TOOL, "description": "y" * 4000})]}, 0),
        ({"tools": [marked(TOOL), {"name": "more", "input_schema": {"type": "object"}}]}, TOOLS),
        ({"speed": "fast"}, 0),
    ],
    ids=str,
)
def test_a_change_invalidates_its_level_and_all_after_it(cache: Cache, change: Json, kept: int) -> None:
    send(cache, BASE)
    request = {key: value for key, value in {**BASE, **change}.items() if value is not None}
    assert send(cache, request).read == kept


def test_models_keys_and_betas_share_nothing(cache: Cache) -> None:
    send(cache, BASE, key="k", betas=["a"])
    assert send(cache, BASE, key="k", betas=["a"]).read == ALL
    assert send(cache, BASE, key="other", betas=["a"]).read == 0
    assert send(cache, BASE, key="k", betas=["a", "b"]).read == 0
    assert send(cache, BASE, CATALOG["claude-fable-5-2"], key="k", betas=["a"]).read == 0


def test_everything_can_be_forgotten(cache: Cache) -> None:
    send(cache, BASE)
    cache.forget()
    assert send(cache, BASE).read == 0


@given(st.lists(st.tuples(st.integers(20, 900), st.booleans()), min_size=1, max_size=40), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_the_parts_of_usage_always_sum_to_the_prompt(blocks: list[tuple[int, bool]], cut: int) -> None:
    cache = Cache(Clock())
    made = [marked(sized(n, str(i))) if mark else sized(n, str(i)) for i, (n, mark) in enumerate(blocks)]
    for request in (ask(user(*made[: max(1, cut)])), ask(user(*made)), ask(user(*made))):
        look = send(cache, request)
        assert look.total == prompt_tokens(request) == sum(figures(look))
        assert min(figures(look)) >= 0
    marks = [i for i, (_, mark) in enumerate(blocks) if mark]
    end = sum(n for n, _ in blocks[: marks[-1] + 1]) if marks else 0
    assert look.read == (end if end >= OPUS.min_cached else 0)


def test_an_image_counts_the_same_whatever_its_size() -> None:
    small, large = ({**IMAGE, "source": {**IMAGE["source"], "data": "A" * n}} for n in (10, 1_000_000))
    assert prompt_tokens(ask(user(small))) == prompt_tokens(ask(user(large))) == 1500
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [large]}
    assert 1500 < prompt_tokens(ask(user(inside))) < 1600
    assert parts_of(ask(user(large)))[0].size == 6000


# --- what forking costs: five children of a 120k-token past, first requests only ------------------------------------

PRICES = {"read": 0.20e-6, "write": 5e-6, "input": 4e-6}  # Opus 5.5, dollars a token
PAST = [user(sized(2000, f"p{i}")) if i % 2 == 0 else assistant(sized(2000, f"p{i}")) for i in range(59)]
P = [*PAST, user(sized(2000, "prompt"))]
CHILDREN = 5


def cost(look: Look) -> float:
    read, written, plain = figures(look)
    return read * PRICES["read"] + written * PRICES["write"] + plain * PRICES["input"]


def child(number: int, calls: int, size: int, *, recipe: bool) -> Json:
    """A child's first request: the past, the forking message with its sibling calls, their results, its own task."""
    each = size // (2 * calls)
    spoken = [sized(each, f"call{i}") for i in range(calls)]
    results = [sized(each, f"result{i}") for i in range(calls - 1)]
    past = [*P, assistant(*spoken)]
    own = sized(300, f"task{number}")
    if not recipe:
        return ask(*past, user(*results, own), cache_control=MARK)
    past[len(P) - 1] = user(marked(sized(2000, "prompt")))
    if results:
        results[-1] = marked(results[-1])
    else:
        spoken[-1] = marked(spoken[-1])
        past[-1] = assistant(*spoken)
    return ask(*past, user(*results, marked(own)))


def family(cache: Cache, *, warm: bool, calls: int, size: int, recipe: bool, staggered: bool) -> float:
    """Dollars that the children's first requests cost."""
    if warm:
        send(cache, ask(*P, cache_control=MARK))
    requests = [child(n, calls, size, recipe=recipe) for n in range(CHILDREN)]
    if staggered:
        return sum(cost(send(cache, request)) for request in requests)
    looks = [cache.look(request, OPUS) for request in requests]
    return sum(cost(look) for look in looks)


@pytest.mark.parametrize(
    ("warm", "recipe", "staggered", "calls", "size", "dollars"),
    [
        pytest.param(True, False, True, 1, 2000, 0.153, id="warm, automatic mark"),
        pytest.param(True, True, True, 1, 2000, 0.133, id="warm, recipe"),
        pytest.param(True, False, True, 13, 6900, 3.18, id="warm, automatic mark, 12 parallel calls"),
        pytest.param(True, True, True, 13, 6900, 0.167, id="warm, recipe, 12 parallel calls"),
        pytest.param(False, False, False, 1, 2000, 3.03, id="cold, all at once"),
        pytest.param(False, False, True, 1, 2000, 3.03, id="cold, automatic mark, staggered"),
        pytest.param(False, True, True, 1, 2000, 0.71, id="cold, recipe, staggered"),
    ],
)
def test_forking_costs_what_the_rules_say(
    cache: Cache, warm: bool, recipe: bool, staggered: bool, calls: int, size: int, dollars: float
) -> None:
    paid = family(cache, warm=warm, calls=calls, size=size, recipe=recipe, staggered=staggered)
    assert paid == pytest.approx(dollars, rel=0.01)


def test_a_prewarming_request_pays_for_the_children(cache: Cache) -> None:
    warm_up = child(0, 1, 2000, recipe=True)
    first = cost(send(cache, {**warm_up, "max_tokens": 0}))
    looks = [cache.look(child(n, 1, 2000, recipe=True), OPUS) for n in range(1, CHILDREN + 1)]
    assert first + sum(map(cost, looks)) == pytest.approx(0.73, rel=0.02)
    assert all(look.read == 121_000 for look in looks)


# --- through the server ---------------------------------------------------------------------------------------------


def test_the_server_reports_what_the_cache_says() -> None:
    with ScriptedServer([Reply([say("x")], times=0)]) as server:
        request = ask(user(marked(sized(1000, "a")), sized(50, "b")))
        usages = [post(server, request)[1]["usage"] for _ in range(2)]
    assert [u["cache_read_input_tokens"] for u in usages] == [0, 1000]
    assert [u["cache_creation_input_tokens"] for u in usages] == [1000, 0]
    assert [u["input_tokens"] for u in usages] == [50, 50]


def test_a_request_that_was_refused_or_failed_writes_nothing() -> None:
    from forkcli.models.scripted import fail, reply

    request = ask(user(marked(sized(1000, "a"))))
    with ScriptedServer([fail("status", 529), reply("x")]) as server:
        assert post(server, {**request, "unknown": 1})[0] == 400
        assert post(server, request)[0] == 529
        assert post(server, request)[1]["usage"]["cache_read_input_tokens"] == 0


def test_a_prewarming_request_fills_the_cache_of_the_server() -> None:
    request = ask(user(marked(sized(1000, "a")), sized(10, "placeholder")))
    with ScriptedServer([Reply([say("x")])]) as server:
        post(server, {**request, "max_tokens": 0})
        assert post(server, request)[1]["usage"]["cache_read_input_tokens"] == 1000


def test_the_calls_of_a_parent_count_as_blocks(cache: Cache) -> None:
    calls = [use(f"t{i}") for i in range(19)]
    send(cache, ask(user(marked(sized(1000, "a")))))
    last = {"type": "tool_result", "tool_use_id": "t0", "content": "x"}
    assert send(cache, ask(user(sized(1000, "a")), assistant(*calls), user(marked(last)))).read == 0
    assert send(cache, ask(user(sized(1000, "a")), assistant(*calls[:18]), user(marked(last)))).read == 1000
