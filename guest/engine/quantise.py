"""Matrices in 8 or 4 bits: upstream's rounding, in an order of our own that the kernels read without a detour.

A row has one scale, its largest magnitude over the largest integer, in fp16; both are as in upstream's
`quantization.py`, so that the integers are the same. The order is that of the tensor cores: 16 rows by 32 (int8) or 64
(int4) columns make a tile of 512 bytes, of which each of a warp's 32 threads reads 16 bytes. `kernels.cu` has the
picture.
"""

from __future__ import annotations

from typing import Any

from guest.engine.shape import COLUMN_TILE, ROW_TILE
from guest.engine.torch_later import torch

#: Within four columns, the one that each byte of an int4 word holds (its low half: the upper row).
_NIBBLES = (0, 2, 1, 3)


def scale_and_round(weight: Any, bits: int) -> tuple[Any, Any]:
    """Integers (int8, shape of the weight) and scales (fp16, one a row), as upstream computes them in fp16."""
    weight = weight.half()
    largest = float(2 ** (bits - 1) - 1)
    scale = (weight.float().abs().amax(dim=-1).half().float() / largest).half()
    divisor = torch.where(scale == 0, torch.ones_like(scale), scale).float()
    integers = (weight.float() / divisor[:, None]).half().float().round()
    return integers.to(torch.int8), scale


def pack(integers: Any, bits: int) -> Any:
    """Integers in the kernels' order: uint8, flat."""
    rows, columns = integers.shape
    check_tiles(rows, columns)
    if bits == 8:
        tiles = integers.view(rows // 16, 2, 8, columns // 32, 4, 2, 4).permute(0, 3, 2, 4, 5, 1, 6)
        return (tiles.to(torch.int16) + 128).to(torch.uint8).reshape(-1)
    # Tile row, half, row, tile column, thread, step, column -> tile row, tile column, row, thread, step, column, half.
    tiles = integers.view(rows // 16, 2, 8, columns // 64, 4, 4, 4).permute(0, 3, 2, 4, 5, 6, 1)
    nibbles = (tiles[..., list(_NIBBLES), :].to(torch.int16) + 8).to(torch.uint8)
    return (nibbles[..., 0] | (nibbles[..., 1] << 4)).reshape(-1)


def unpack(packed: Any, rows: int, columns: int, bits: int) -> Any:
    """The integers again: int8, shape (rows, columns)."""
    if bits == 8:
        tiles = packed.view(rows // 16, columns // 32, 8, 4, 2, 2, 4).to(torch.int16) - 128
        return tiles.permute(0, 5, 2, 1, 3, 4, 6).reshape(rows, columns).to(torch.int8)
    tiles = packed.view(rows // 16, columns // 64, 8, 4, 4, 4)
    halves = torch.stack([tiles & 15, tiles >> 4], dim=-1).to(torch.int16) - 8
    order = [_NIBBLES.index(column) for column in range(4)]
    return halves[..., order, :].permute(0, 6, 2, 1, 3, 4, 5).reshape(rows, columns).to(torch.int8)


def upstream_integers(stored: Any) -> Any:
    """The integers of upstream's ready int4 files: two to a byte, the first column in the upper half."""
    wide = stored.view(torch.uint8)
    halves = torch.stack([wide >> 4, wide & 15], dim=-1).to(torch.int8)
    return torch.where(halves > 7, halves - 16, halves).reshape(stored.shape[0], -1)


def check_tiles(rows: int, columns: int) -> None:
    if rows % ROW_TILE or columns % COLUMN_TILE:
        raise ValueError(f"a matrix of {rows} by {columns} does not divide into tiles of {ROW_TILE} by {COLUMN_TILE}")
