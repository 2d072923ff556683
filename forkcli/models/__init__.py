"""Endpoints that speak the Messages API, and the scripted one. The only place where the SDK is imported."""
