"""Faces of heads: what is left of them, beside other tools on the same scans."""
