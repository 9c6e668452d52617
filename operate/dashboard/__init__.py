"""A page to look at: where the stack stands, on loopback only, and nothing dangerous on it."""
