"""Burned-in text: find every word in the pixels, take it out, look again (PS3.15 Section E.3.1)."""
