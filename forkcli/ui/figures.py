"""Figures as people read them: short, with a unit, never with more digits than they mean."""

from datetime import datetime

from forkcli.core.entries import Usage

UNKNOWN = "-"  # in a table, where no price is known; in a sentence nothing is said then


def seconds(value: float) -> str:
    """A duration: `3 ms`, `1.2 s`, `48 s`, `3 min 05 s`, `2 h 10 min`."""
    if value < 0.9995:
        return f"{max(0, round(value * 1000))} ms"
    if value < 9.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def tokens(count: int) -> str:
    """A number of tokens: `840`, `3.1k`, `52k`, `1.2M`."""
    if count < 1000:
        return str(count)
    if count < 9950:
        return f"{count / 1000:.1f}k"
    return f"{count / 1000:.0f}k" if count < 999_500 else f"{count / 1_000_000:.1f}M"


def dollars(value: float) -> str:
    """A price in US dollars: `$0.004`, `$0.42`, `$12.30`."""
    if 0 < value < 0.0005:
        return "<$0.001"
    return f"${value:.3f}" if 0 < value < 0.0995 else f"${value:.2f}"


def price(value: float | None) -> str:
    """A price in a table."""
    return UNKNOWN if value is None else dollars(value)


def traffic(usage: Usage) -> str:
    """Tokens that went in and out: `6.7k in, 95% cached, 129 out`."""
    cached = f", {share(usage.cache_share)} cached" if usage.cache_read_input_tokens else ""
    return f"{tokens(usage.prompt_tokens)} in{cached}, {tokens(usage.output_tokens)} out"


def share(value: float) -> str:
    """A share of one in whole percent; 100 % is only said of the whole."""
    percent = round(value * 100)
    return f"{min(percent, 99) if value < 1 else percent}%"


def count(number: int, noun: str) -> str:
    """`1 line`, `2 lines`, `1,204 lines`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def local_time(at: str, now: datetime) -> str:
    """A time (UTC, ISO 8601) in the zone of `now`: `18:42` of the same day, else `11-21 18:42`; empty if it is none."""
    try:
        when = datetime.fromisoformat(at).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        return ""
    return f"{when:%H:%M}" if when.date() == now.date() else f"{when:%m-%d %H:%M}"
