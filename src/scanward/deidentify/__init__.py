"""De-identification: profile -> plan -> apply, then the check of what came out (PS3.15 Annex E)."""
