"""Free text: what Scanward and other tools find of the identifiers in it."""
