"""The body that a scan shows: cut down to the region that a purpose needs."""
