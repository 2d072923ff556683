"""What people type out of habit from other tools, and what to use here instead. Words for the person; pure."""

_SHELL = "that is a command of the shell: !fork {name}"

_INSTEAD: tuple[tuple[str, str], ...] = (
    ("clear reset", "/new begins a new session; /compact makes room in this one"),
    ("exit bye logout", "/quit leaves; so does ctrl-d on an empty line"),
    ("undo redo back revert restore checkpoint checkpoints backtrack", "/rewind goes back, and undoes going back"),
    ("status info about", "/context says what fills the context, /cost what was spent, /tree who is there"),
    ("usage tokens stats", "/cost says what was spent, /context what fills the context"),
    ("branch subtask task delegate", "/fork TASK works beside you; /fork moves you into a fork of the conversation"),
    (
        "subagent subagents worker",
        "/spawn TASK begins with an empty context, /fork TASK with this one; /agents shows all",
    ),
    ("btw side question", "/ask QUESTION is answered by a fork; the agent is not disturbed"),
    ("summarize summary compress", "/compact goes back to the first prompt with a report of all since"),
    ("sessions session chat chats load", "/resume lists the sessions"),
    ("save", "everything is saved as it happens; /resume goes on with an earlier session"),
    ("permissions approvals sandbox mode yolo allowed-tools", "/access says what commands may touch"),
    ("think thinking reasoning", "/effort says how hard the model thinks"),
    ("tasks jobs bashes ps", "/agents shows the agents, live; jobs in the background stand in the status line"),
    ("add file files attach mention image", "@PATH in a prompt attaches a file; tab completes it"),
    ("run shell bash sh exec terminal", "!COMMAND runs a command and shows it to the model"),
    ("memory remember agents.md claude.md", "/init drafts AGENTS.md; notes of the agents lie in .fork/notes"),
    ("config settings theme keymap", "settings are options (!fork --help), or stand in ~/.config/fork/config.toml"),
    ("login auth key", "the key is read from ANTHROPIC_API_KEY when fork starts"),
    ("plan architect todo", "there are no modes and no lists: ask for it in words"),
    ("commit git push pr", "ask for it in words, or !git commit: what you type after ! runs as you"),
    ("retry again", "/continue finishes a turn that was stopped or failed; up brings your last prompt back"),
    ("search find grep", "ctrl-r searches what you typed; /history shows all that happened, with search"),
    ("version", "!fork --version"),
)
_SUBCOMMANDS = frozenset({"doctor", "ls", "show", "check", "clean", "demo"})


def instead(name: str) -> str | None:
    """What to use here for a slash command that there is none of; None where nothing is known of it."""
    word = name.lower()
    if word in _SUBCOMMANDS:
        return _SHELL.format(name=word)
    return next((use for words, use in _INSTEAD if word in words.split()), None)
