"""Where the code above gets its workspaces from, whatever their kind.

It sees the `Workspace` protocol alone. Invariant: what is chosen here is the only thing that knows which kind it is.
"""

from forkcli.workspace.plain import open_workspace

__all__ = ["open_workspace"]
