"""Keys that sign, and what other tools check of it: certificates, detached CMS, tokens of RFC 3161."""
