"""How the file is named that all else in an agent's folder can be made from again."""

HISTORY = "history.jsonl"
