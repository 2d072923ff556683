"""Carries out what `core` decides, through the protocols of `ports`. It knows no file format, no SDK, no terminal."""
