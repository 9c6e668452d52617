"""Integers in the kernels' order."""

from __future__ import annotations

from typing import Any

import pytest

from guest.engine import quantise
from guest.engine.linear import quantised


def integers(torch: Any, rows: int, columns: int, bits: int) -> Any:
    most = 2 ** (bits - 1)
    torch.manual_seed(bits)
    return torch.randint(-most, most, (rows, columns)).to(torch.int8)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize(("rows", "columns"), [(16, 64), (32, 128), (48, 64), (16, 192)])
def test_what_is_packed_comes_back(torch: Any, bits: int, rows: int, columns: int) -> None:
    given = integers(torch, rows, columns, bits)
    packed = quantise.pack(given, bits)
    assert packed.numel() == rows * columns * bits // 8
    assert torch.equal(quantise.unpack(packed, rows, columns, bits), given)


def test_a_thread_reads_the_bytes_that_the_kernel_expects_in_int4(torch: Any) -> None:
    given = integers(torch, 32, 128, 4)
    packed = quantise.pack(given, 4).view(2, 2, 32, 4, 4)  # row tile, column tile, thread, word, byte
    for tile, step, thread, word in [(0, 0, 0, 0), (1, 1, 31, 3), (0, 1, 13, 2)]:
        g, t = thread // 4, thread % 4
        value = int.from_bytes(bytes(packed[tile, step, thread, word].tolist()), "little")
        for column in range(4):
            place = step * 64 + t * 16 + word * 4 + column
            # As open_nibbles: pairs of columns lie four nibbles apart, the lower row one nibble above the upper one.
            nibble = (column & 1) * 4 + (column >> 1) * 2
            assert (value >> (4 * nibble) & 15) - 8 == int(given[tile * 16 + g, place])
            assert (value >> (4 * nibble + 4) & 15) - 8 == int(given[tile * 16 + g + 8, place])


def test_a_thread_reads_the_bytes_that_the_kernel_expects_in_int8(torch: Any) -> None:
    given = integers(torch, 32, 64, 8)
    packed = quantise.pack(given, 8).view(2, 2, 32, 4, 4)
    for tile, step, thread, word in [(0, 0, 0, 0), (1, 1, 31, 3), (0, 1, 13, 2)]:
        g, t = thread // 4, thread % 4
        row = tile * 16 + g + 8 * (word % 2)
        first = step * 32 + t * 8 + word // 2 * 4
        assert (packed[tile, step, thread, word].int() - 128).tolist() == given[row, first : first + 4].tolist()


@pytest.mark.parametrize("bits", [8, 4])
def test_a_row_keeps_its_largest_number_and_a_row_of_noughts_stays_so(torch: Any, bits: int) -> None:
    torch.manual_seed(0)
    weight = torch.randn(16, 64).half()
    weight[3] = 0
    linear = quantised(weight, None, bits)
    back = linear.matrix(torch.float32)
    step = weight.float().abs().amax(1) / (2 ** (bits - 1) - 1)
    assert ((back - weight.float()).abs() <= step[:, None] * 0.6).all()
    assert (back[3] == 0).all()


def test_upstreams_ready_int4_bytes_hold_the_first_column_in_the_upper_half(torch: Any) -> None:
    stored = torch.tensor([[0x7F, 0x80]], dtype=torch.uint8).view(torch.int8)
    assert quantise.upstream_integers(stored).tolist() == [[7, -1, -8, 0]]


def test_a_matrix_that_makes_no_tiles_is_refused(torch: Any) -> None:
    with pytest.raises(ValueError, match="does not divide"):
        quantise.pack(torch.zeros(8, 64, dtype=torch.int8), 4)
