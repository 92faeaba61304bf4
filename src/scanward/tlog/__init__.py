"""The arithmetic of transparency logs (RFC 6962, C2SP tlog-tiles): pure, and of use to any client."""
