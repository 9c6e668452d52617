"""How many blocks of commands of the documentation a test runs, and how many not, each counted once for both languages.

docs/examples.md says why.
"""

from __future__ import annotations

from bench.figure import Figure
from tools.doc_blocks import pages, read_blocks


def measure() -> list[Figure]:
    blocks = [block for page in pages() for block in read_blocks(page)]
    run = sum(block.is_run for block in blocks)
    return [Figure("doc_blocks_run", run, "blocks"), Figure("doc_blocks_not_run", len(blocks) - run, "blocks")]
