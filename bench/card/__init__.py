"""Measurements on a card, beside upstream's own code: run where there is one, kept in bench/results."""
