"""The verbs that the shell and the slash commands share, one a file. They return values and never print."""
