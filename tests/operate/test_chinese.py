"""What a person reads whose language is Chinese: no sentence of English is left, on a real local cloud and machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from operate.stacks import Stack

from .conftest import Chatglm, LocalCloud, make_stack


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGLM_LANG", "zh")


def english(text: str) -> list[str]:
    """Sentences of English in a text; commands that are to be typed are none."""
    typed = re.sub(r"(chatglm|pulumi) [a-z-]+( [a-z-]+)*", "", text)
    return re.findall(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", typed)


def test_the_status_of_a_ready_machine(stack: Stack, chatglm: Chatglm) -> None:
    text = chatglm(stack, "status").output
    assert "机器" in text
    assert "演示页" in text
    assert english(text) == []


def test_what_stands_in_the_way_of_a_launch(cloud: LocalCloud, chatglm: Chatglm) -> None:
    cloud.control.set_balance(0.5)
    cloud.control.set_stock("ap-guangzhou-3", "GN7.2XLARGE32", "SOLD_OUT")
    try:
        text = chatglm(make_stack(environment=cloud.environment), "doctor").output
    finally:
        cloud.control.set_balance(1000)
    assert "余额不够支付购买时冻结的一小时费用" in text
    assert "请充值后再运行同一命令" in text
    assert "竞价配额" in text
    assert english(text) == []


@pytest.mark.parametrize("command", ["cost", "prices"])
def test_what_it_costs(cloud: LocalCloud, chatglm: Chatglm, command: str) -> None:
    stack = make_stack(environment=cloud.environment, outputs={"zone": "ap-guangzhou-3"})
    text = chatglm(stack, command).output
    assert "元/小时" in text
    assert english(text) == []


def test_wrong_settings_are_told_all_at_once(chatglm: Chatglm) -> None:
    wrong = {
        "chatglm:state": "asleep",
        "chatglm:bandwidthMbps": "9999",
        "chatglm:zones": '["nowhere"]',
        "chatglm:x": "1",
        "chatglm:webhooks": "slack http://b.example/KEY; json KEY; pigeon https://c.example",
    }
    result = chatglm(make_stack(config=wrong), "up")
    assert result.exit_code == 2
    assert "有 6 项设置不对；什么都没有改动" in result.output
    assert "应为 'running' 或 'parked'" in result.output
    assert "第 1 个 webhook（slack）的地址不加密" in result.output
    assert "第 3 个 webhook 没有写类型" in result.output
    assert "KEY" not in result.output
    assert english(result.output) == []


def test_a_mistake_that_the_machine_tells(stack: Stack, chatglm: Chatglm) -> None:
    result = chatglm(stack, "evaluate", "nobody")
    assert "没有名为 nobody 的训练。" in result.output
    assert "这台机器上的训练：" in result.output
    assert english(result.output) == []


def test_a_data_set_that_cannot_be_used(stack: Stack, chatglm: Chatglm, tmp_path: Path) -> None:
    file = tmp_path / "train.json"
    file.write_text('{"content": "a", "summary": "b"}\n{"content": 5}\n', encoding="utf-8")
    result = chatglm(stack, "train", str(file), "--check")
    assert "不能使用" in result.output
    assert "第 2 行" in result.output
    assert english(result.output) == []
