"""Sealing: what is hashed, what is signed, what a later look finds; and what is known of a scan without a seal."""
