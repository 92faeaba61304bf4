"""Doors out: the only places through which an instance leaves, and only as a checked one."""
