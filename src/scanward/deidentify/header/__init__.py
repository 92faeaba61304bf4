"""The header: which Attributes identify (scan), what is done with each (plan), and doing it (apply)."""
