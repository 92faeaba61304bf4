"""Builds the adapters and hands them to the flow; nothing else does."""
