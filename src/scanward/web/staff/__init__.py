"""The staff page: rendered here, readable without scripts."""
