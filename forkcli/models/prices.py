"""What a model call cost, by the list prices in genai-prices, with each model's own prices for its cache.

Never a guess: a model without a known price, and any model on one's own machine, has no cost. Invariant: prompt tokens
that were read from the cache or written to it are billed once, at the cache's price.
"""

from forkcli.core.entries import Usage
from forkcli.models import catalog

# Models that the library does not know, at the price of their twins.
_TWINS = {"claude-mythos-5-1": "claude-fable-5-1", "claude-mythos-5": "claude-fable-5"}


def cost_usd(model: str, usage: Usage) -> float | None:
    """The price of a call in US dollars; None where none is known. Cache writes are taken for five-minute ones."""
    name = catalog.bare(model)
    if not name.startswith("claude-"):
        return None
    import genai_prices

    billed = genai_prices.Usage(
        input_tokens=usage.prompt_tokens,  # the library's input includes what the cache served and took
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_input_tokens,
        cache_write_tokens=usage.cache_creation_input_tokens,
    )
    try:
        price = genai_prices.calc_price(billed, _TWINS.get(name, name), provider_id="anthropic")
    except LookupError:
        return None
    return float(price.total_price)
