"""A zip of evidence that can be checked on a machine without Scanward."""
