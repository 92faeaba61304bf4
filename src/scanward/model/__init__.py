"""Frozen values that the stages hand to each other. No library, no input or output."""
