"""The tiny model on the disk, and a decoder of it in fp32 on the CPU. Without torch these tests are passed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guest.engine.decoder import Decoder
from guest.engine.shape import Shape, read_shape
from guest.engine.weights import load_weights
from tools import tiny_model


@pytest.fixture(scope="session")
def model(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_model.write_model(folder)
    return folder


@pytest.fixture(scope="session")
def shape(model: Path) -> Shape:
    return read_shape(model)


@pytest.fixture
def decoder(torch: Any, model: Path, shape: Shape) -> Decoder:
    weights, _ = load_weights(model, shape, "fp16", "cpu", dtype=torch.float32)
    return Decoder(weights, 1024, most=4)
