"""Transparency logs in folders: one that is written here, and any that is read and checked."""
