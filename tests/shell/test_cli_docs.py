"""docs/cli.md says what `--help` says."""

from cli_pages import ROOT, cli_page, help_of, verbs


def test_the_page_about_the_command_line_is_what_help_prints() -> None:
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert page == cli_page(), "run: python tests/shell/cli_pages.py > docs/cli.md"


def test_help_names_every_verb_of_this_version() -> None:
    assert verbs(help_of()) == [
        "demo",
        "init",
        "ls",
        "tree",
        "show",
        "tell",
        "rewind",
        "report",
        "check",
        "clean",
        "doctor",
    ]
