"""Plays the one part of transformers that is touched from outside; see `trainer_callback`."""
