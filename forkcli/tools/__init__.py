"""What the model can do: one module a tool, each with the description that the model reads in the `.md` beside it.

Tools see files and processes only through the `Workspace` port, and never ask or print themselves.
"""
