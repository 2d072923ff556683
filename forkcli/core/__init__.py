"""Pure code that decides. It knows no file, no clock, no network, no terminal; standard library only."""
