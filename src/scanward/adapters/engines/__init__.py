"""Engines for durable work."""
