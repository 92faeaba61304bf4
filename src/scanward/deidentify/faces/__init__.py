"""Faces that can be rebuilt from scans of the head."""
