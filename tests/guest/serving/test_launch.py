"""Upstream's program on its way into the interpreter."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from guest.errors import GuestError
from guest.machine import Machine
from guest.serving.launch import adapt, impose, several_at_once
from guest.serving.login import Login
from guest.serving.settings import read_settings

UPSTREAM = """tokenizer = AutoTokenizer.from_pretrained("THUDM/chatglm-6b", trust_remote_code=True)
model = AutoModel.from_pretrained("THUDM/chatglm-6b", trust_remote_code=True).half().cuda()
"""


def test_both_names_become_the_local_folder() -> None:
    adapted = adapt(UPSTREAM, model=Path("/models/chatglm-6b"), precision="fp16")
    assert adapted.count("'/models/chatglm-6b'") == 2
    assert "THUDM" not in adapted
    assert ".half().cuda()" in adapted


def test_a_windows_path_keeps_its_backslashes() -> None:
    # transformers takes the last part by the backslash: with C:/chatglm-6b the import of the model's code fails.
    adapted = adapt(UPSTREAM, model=PureWindowsPath("C:/chatglm-6b"), precision="fp16")  # type: ignore[arg-type]
    called: list[str] = []
    stub = type("Stub", (), {"from_pretrained": lambda name, **_: called.append(name) or Stubborn()})
    exec(adapted, {"AutoTokenizer": stub, "AutoModel": stub})  # noqa: S102
    assert called == ["C:\\chatglm-6b"] * 2


class Stubborn:
    def half(self) -> Stubborn:
        return self

    def cuda(self) -> Stubborn:
        return self


@pytest.mark.parametrize(("precision", "call"), [("int8", ".quantize(8).half()"), ("int4", ".quantize(4).half()")])
def test_a_lower_precision_is_quantised_before_it_goes_to_the_gpu(precision: str, call: str) -> None:
    assert call in adapt(UPSTREAM, model=Path("/m"), precision=precision)


def test_the_fine_tuned_page_takes_its_model_from_its_options() -> None:
    assert adapt("print(1)\n", model=Path("/m"), precision="int4") == "print(1)\n"


@pytest.mark.parametrize("source", [UPSTREAM + UPSTREAM, UPSTREAM.replace(".half().cuda()", "")])
def test_an_unknown_program_is_refused(source: str) -> None:
    with pytest.raises(GuestError, match=r"web_demo\.py names"):
        adapt(source, model=Path("/m"), precision="fp16")


def test_whatever_the_program_asks_for_the_page_has_this_address_and_login(installed: Machine) -> None:
    settings = read_settings(installed.root)
    login = Login(settings, "token")
    seen: dict[str, Any] = {}
    launch = impose(lambda _self, **kwargs: seen.update(kwargs), settings, login, installed.root)
    launch(object(), share=True, inbrowser=True, server_port=11001)
    assert seen == {
        "share": False,
        "inbrowser": False,
        "server_name": "127.0.0.1",
        "server_port": settings.port,
        "auth": login,
    }


def test_the_engine_gets_several_requests_of_the_page_at_a_time() -> None:
    seen: dict[str, Any] = {}
    several_at_once(lambda _self, **kwargs: seen.update(kwargs), 16)(object(), max_size=3)
    assert seen == {"max_size": 3, "concurrency_count": 16}
