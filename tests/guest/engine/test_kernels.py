"""The kernels' source, compiled for the cards by the compiler that torch brings; they run on a card only."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from guest.engine.cuda.driver import Compiler, CudaError, compiled, find_compiler
from guest.engine.cuda.kernels import SOURCE, options
from guest.engine.shape import shape_from
from tools import tiny_model

REAL = shape_from({**tiny_model.CONFIG, "num_layers": 28, "hidden_size": 4096, "num_attention_heads": 32})
TEXT = SOURCE.read_text(encoding="ascii")


@pytest.fixture(scope="module")
def compiler(torch: Any) -> Compiler:
    return find_compiler(Path(torch.__file__).parent)


@pytest.mark.parametrize("architecture", ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90"])
def test_they_compile_for_every_card_from_turing_to_hopper(compiler: Compiler, architecture: str) -> None:
    code = compiler.compile(TEXT, options(REAL), architecture)
    assert code.startswith(b"\x7fELF")
    for name in re.findall(r"LINEAR\((\d+), (\w+)\)", TEXT):
        assert f"linear_{name[0]}_{name[1]}".encode() in code
    for kernel in ("attention", "norm_rows", "norm_embedded", "open_matrix_8", "open_matrix_4"):
        assert kernel.encode() in code


def test_the_compiler_is_that_of_the_machines_cuda(compiler: Compiler) -> None:
    assert compiler.version == "11.8"


def test_an_error_is_told_in_the_compilers_words(compiler: Compiler) -> None:
    with pytest.raises(CudaError, match=r'do not compile for sm_75: kernels.cu\(1\): error: .*"nonsense" is undefined'):
        compiler.compile('extern "C" __global__ void f(int* a) { *a = nonsense; }', [], "sm_75")


def test_a_card_that_the_compiler_does_not_know_is_named(compiler: Compiler) -> None:
    with pytest.raises(CudaError, match="sm_120"):
        compiler.compile(TEXT, options(REAL), "sm_120")


def test_what_was_compiled_is_compiled_once(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = 'extern "C" __global__ void f(int* a) { *a = 1; }'
    first = compiled(compiler, source, [], "sm_75", tmp_path / "kept")
    monkeypatch.setattr(compiler, "compile", lambda *_: pytest.fail("compiled again"))
    assert compiled(compiler, source, [], "sm_75", tmp_path / "kept") == first


@pytest.mark.skipif(os.name == "nt", reason="the names are Linux'")
def test_a_torch_without_the_compiler_is_named(tmp_path: Path) -> None:
    with pytest.raises(CudaError, match="brings no NVRTC"):
        find_compiler(tmp_path / "torch")
    library = tmp_path / "torch" / "lib" / "libnvrtc-1.so.11.2"
    library.parent.mkdir(parents=True)
    library.write_bytes(b"no library")
    with pytest.raises(CudaError, match="does not load"):
        find_compiler(tmp_path / "torch")
