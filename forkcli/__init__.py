"""`fork`: a coding agent for the terminal built on files, forks, spawned agents and rewinding."""

__version__ = "0.1.0"
