"""The three wishes of the demo's project: the task of each fork, and what the script does as that fork.

Wishes 2 and 3 change the same lines, so that the files of one of them cannot be merged. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from forkcli.core.messages import Block
from forkcli.models.scripted.demo_reading import Done, no_outcome, quote, read_test_run
from forkcli.models.scripted.script import call, say

TESTS = "python3 -m unittest"
MONEY, MONEY_TESTS, MANY = "tally/money.py", "tests/test_money.py", "tests/test_many.py"

SHOW_LINE = '    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"\n'
THOUSANDS_LINE = SHOW_LINE.replace("// 100}", "// 100:,}")
CURRENCY_LINE = SHOW_LINE.replace("{sign}", "{sign}{currency}")
BOTH_LINE = THOUSANDS_LINE.replace("{sign}", "{sign}{currency}")
SIGNATURE = "def show(cents: int) -> str:\n"
CURRENCY_SIGNATURE = 'def show(cents: int, currency: str = "") -> str:\n'
CURRENCY_TEST = """
    def test_shows_a_currency(self):
        self.assertEqual(show(-1205, "€"), "-€12.05")
"""
_FIRST_TEST = """\
    def test_shows_two_digits_of_cents(self):
        self.assertEqual(show(1205), "12.05")
"""
THOUSANDS_TEST = """
    def test_sets_thousands_apart(self):
        self.assertEqual(show(123456789), "1,234,567.89")
        self.assertEqual(parse("1,234,567.89"), 123456789)
"""
_MANY_TEXT = '''\
"""Every small bill: no cent is lost, and nobody is a whole cent off."""

import itertools
import unittest

from tally.split import split


class EverySmallBillTest(unittest.TestCase):
    def test_every_bill_of_up_to_a_hundred_cents(self):
        for cents in range(101):
            for weights in itertools.product(range(4), repeat=3):
                if any(weights):
                    self.check(cents, list(weights))

    def check(self, cents, weights):
        shares = split(cents, weights)
        self.assertEqual(sum(shares), cents, weights)
        for share, weight in zip(shares, weights):
            self.assertLess(abs(share * sum(weights) - cents * weight), sum(weights))
'''


@dataclass(frozen=True, slots=True)
class Wish:
    """One of the three."""

    task: str
    words: str
    changes: tuple[tuple[str, dict[str, str]], ...]  # tools and their arguments
    report: str


def _edit(path: str, old: str, new: str) -> tuple[str, dict[str, str]]:
    return "edit", {"path": path, "old_str": old, "new_str": new}


WISHES = (
    Wish(
        f"Wish 1: a test of every small bill, in {MANY}. Run the tests, and report what they say.",
        "A hundred cents, three people, weights from 0 to 3: few enough to try them all.",
        (("write", {"path": MANY, "content": _MANY_TEXT}),),
        f"`{MANY}:10` splits every bill of up to 100 cents among three people, with all weights from 0 to 3.",
    ),
    Wish(
        "Wish 2: let `show` set thousands apart and `parse` read that, with a test. Run the tests, and report.",
        "One more character in the format of `show`; `parse` has to take the commas out again, and only there.",
        (
            _edit(MONEY, SHOW_LINE, THOUSANDS_LINE),
            _edit(MONEY, r"(-?)(\d+)", r"(-?)(\d{1,3}(?:,\d{3})+|\d+)"),
            _edit(MONEY, "int(whole)", 'int(whole.replace(",", ""))'),
            _edit(MONEY_TESTS, _FIRST_TEST, _FIRST_TEST + THOUSANDS_TEST),
        ),
        f"`show` sets thousands apart (`{MONEY}:11`), `parse` reads that (`{MONEY}:20`), "
        f"and `{MONEY_TESTS}:10` tests both.",
    ),
    Wish(
        "Wish 3: let `show` take a currency, with a test. Run the tests, and report.",
        "The currency goes between the sign and the amount, and nothing changes for those who give none.",
        (
            _edit(MONEY, SIGNATURE, CURRENCY_SIGNATURE),
            _edit(MONEY, SHOW_LINE, CURRENCY_LINE),
            _edit(MONEY_TESTS, _FIRST_TEST, _FIRST_TEST + CURRENCY_TEST),
        ),
        f'`show(1205, "€")` is `€12.05` (`{MONEY}:8`), and `{MONEY_TESTS}:10` tests it.',
    ),
)


def as_fork(task: str, done: Sequence[Done]) -> list[Block]:
    """The next answer of the fork with this task, from what it has done itself."""
    wish = next((wish for wish in WISHES if f"{task}\n".startswith(f"{wish.task}\n")), None)  # notices may follow
    if wish is None:
        return [say("I am a script, and this task is none of the three that I was written for. I did nothing.")]
    if not done:
        return [say(wish.words), *(call(name, **arguments) for name, arguments in wish.changes)]
    wrong = next((one for one in done if one.is_error and one.name != "bash"), None)
    if wrong is not None:
        return [
            say(f"The wish is not granted: I could not change `{wrong.arguments['path']}`.\n\n{quote(wrong.result)}")
        ]
    if done[-1].name != "bash":
        return [call("bash", command=TESTS)]
    return [say(_report(wish, done[-1]))]


def _report(wish: Wish, last: Done) -> str:
    run = read_test_run(last.result)
    if run.passed is None:
        return f"{wish.report}\n{no_outcome(last)}"
    if not run.passed:
        return f"{wish.report}\nBut of {run.count} tests, {run.names} fails: this should not be merged as it is."
    return f"{wish.report}\nAll {run.count} tests pass. Nothing is left."
