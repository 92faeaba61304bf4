"""The accounting of disclosures: what is recorded before anything leaves, and what a patient is told of it."""
