"""The rehearsal: the stack's whole life on the local cloud, with an engine and an environment of its own."""
