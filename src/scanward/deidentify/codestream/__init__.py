"""Metadata inside encapsulated Pixel Data: where it lies and what to write over it, so that no length changes."""
