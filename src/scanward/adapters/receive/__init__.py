"""Doors in: where instances come from. Nothing that comes through one is trusted."""
