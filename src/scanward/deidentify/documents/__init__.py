"""Documents that people and systems write about studies: told apart, read for what they know, cleaned."""
