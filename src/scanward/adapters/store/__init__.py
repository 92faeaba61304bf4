"""Stores: what Scanward remembers between two steps or two runs."""
