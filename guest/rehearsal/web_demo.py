"""Plays upstream's `web_demo.py`: the base model's page, without a model."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from guest.rehearsal.page import serve

if __name__ == "__main__":
    serve("base model")
