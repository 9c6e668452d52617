"""The sample of the sweep starts from the life that all tests of a run share."""

from tests.sweep.fixtures import recording

__all__ = ["recording"]
