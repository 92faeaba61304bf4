"""Whether an instance may leave, and why not."""
