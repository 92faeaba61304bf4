"""Identifiers in text and bytes: known ones in every notation, others by their shape, and what may stay."""
