"""The files under `.fork/`: histories, what is derived from them, messages, data, locks. It never decides anything."""
