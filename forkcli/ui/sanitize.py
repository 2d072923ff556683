"""The one sanitizer: every text that reaches a terminal or a text pipe goes through it.

What could drive a terminal or deceive a reader becomes visible: controls as pictures (`␛`), the rest as `\\u202e`.
It never drops anything but the carriage return of a CRLF, and, where colours are asked to go, well-formed colour
sequences. Invariant: `sanitize(sanitize(x)) == sanitize(x)`, and no control character but newline and tab in it; a
character grows to at most ten.
"""

import re

# Emoji bases: after these one presentation selector, and between two of them one joiner, mean what they should.
_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u23ff\u2440-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_LETTERS = "\u0600-\u0619\u0620-\u0dff"  # scripts in which joiners shape words
_MARKS = "\u0300-\u034e\u0350-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_MARKS_IN_A_ROW = 4

_SELECTORS = "\ufe0e\ufe0f"
_JOINERS = "\u200c\u200d"
_HIDDEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HIGH_NONCHARACTERS = "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 17))
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_ALWAYS = re.compile(f"[{_CONTROLS}{_HIDDEN}{_HIGH_NONCHARACTERS}]")
_SUSPECT_ASCII = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_SUSPECT = re.compile(f"[{_CONTROLS}{_HIDDEN}{_HIGH_NONCHARACTERS}{_SELECTORS}{_JOINERS}]")
_MANY_MARKS = re.compile(f"(?<=[{_MARKS}]{{{_MARKS_IN_A_ROW}}})[{_MARKS}]+")
_IN_PLACE = (
    f"(?<=[{_EMOJI}])[{_SELECTORS}]"
    "|(?<=[0-9#*])\ufe0f(?=\u20e3)"
    f"|(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d(?=[{_EMOJI}])"
    f"|(?<=[{_LETTERS}])[{_JOINERS}](?=[{_LETTERS}])"
)
_SHAPERS = re.compile(f"({_IN_PLACE})|[{_SELECTORS}{_JOINERS}]")
_COLOURS = re.compile("\x1b\\[[0-9;:]*m")


class _Shown(dict[int, str]):
    """Code point -> what is shown for it; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        shown = visible(char) if _ALWAYS.match(char) else char
        self[code] = shown
        return shown


_TABLE = _Shown()


def visible(char: str) -> str:
    """How a character that must not be printed is shown: `␛`, `\\x9b`, `\\u202e` or `\\U000e0041`."""
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def sanitize(text: str, *, colours: bool = True) -> str:
    """`text` as it may be printed. `colours=False` drops colour sequences, which say nothing by themselves."""
    if text.isascii():
        if _SUSPECT_ASCII.search(text) is None:
            return text
    elif _SUSPECT.search(text) is None:
        return _MANY_MARKS.sub(_all_visible, text)
    if not colours:
        text = _COLOURS.sub("", text)
    text = text.replace("\r\n", "\n").translate(_TABLE)
    text = _SHAPERS.sub(lambda match: match[1] or visible(match[0]), text)
    return _MANY_MARKS.sub(_all_visible, text)


def _all_visible(match: re.Match[str]) -> str:
    return "".join(map(visible, match[0]))


def one_line(text: str, limit: int = 200) -> str:
    """The sanitized text in one line of at most `limit` characters; newlines become `⏎`, tabs spaces."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return sanitize(cut.replace("\r\n", "\n")).replace("\n", "⏎").replace("\t", " ")


def first_line(text: str, limit: int = 200) -> str:
    """The first line that says something, sanitized and at most `limit` characters; `…` where more follows."""
    first, _, more = text.strip()[: limit * 50].partition("\n")
    return one_line(f"{first.rstrip()} …" if more.strip() else first, limit)


def command_lines(text: str) -> list[str]:
    """Output of a command as the lines a reader wants: a lone carriage return starts a line anew, colours are gone."""
    return sanitize(text.replace("\r\n", "\n").replace("\r", "\n"), colours=False).split("\n")
