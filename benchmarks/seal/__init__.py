"""Seals, the log, and what is known of scans without a seal: speed and finds, beside limits and peers."""
