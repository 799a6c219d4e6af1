"""What the middle needs from outside: small, optional, reads before writes."""
