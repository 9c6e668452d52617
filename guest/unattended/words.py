"""Reasons in words, Chinese and English of equal rank: for events, notices, `status` and the pages.

They stand here and not in the catalogue of `words/`: the machine itself tells them, on its page and to its receivers,
when nobody's computer is there to word them and nobody knows who reads. So it says both languages, and has no
catalogue. `tests/words/test_guards_words.py` holds these pairs to the catalogue's terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from guest.unattended.decision import (
    EVALUATION,
    PARK,
    RESTORE,
    RESUME,
    STAY,
    TRAINING,
    WARN,
    Decision,
    Part,
    Reason,
)

Pair = tuple[str, str]

#: By the reason's id: English, Chinese. Each must take exactly the reason's parts.
WORDS: Mapping[str, Pair] = {
    "off": ("nothing is guarded: no rule is set", "未设置任何规则，不做看护"),
    "clock-jumped": (
        "the clock jumped by {seconds} s: nothing is decided by it in this look",
        "时钟跳变了 {seconds} 秒，本次不据此作决定",
    ),
    "cloud-unseen": ("the cloud could not be looked at", "无法查询云端"),
    "nothing-stands": ("the stack has neither a machine nor an image", "该栈既无机器也无镜像"),
    "gone": ("the machine {machine} is gone (reclaimed or terminated)", "机器 {machine} 已不存在（被回收或销毁）"),
    "restoring": ("the machine is coming up", "机器正在启动"),
    "parked": ("the stack is parked", "该栈已停放"),
    "reclaimed": (
        "the machine was reclaimed, and chatglm:restoreAfterReclaim is off",
        "机器已被回收，且未开启 chatglm:restoreAfterReclaim",
    ),
    "reclaimed-at-night": (
        "the machine was reclaimed, and since {time} the stack would be parked anyway",
        "机器已被回收，而自 {time} 起本栈本应停放",
    ),
    "reclaimed-back": ("the machine was reclaimed and comes back", "机器被回收，现恢复"),
    "restore-at": ("it is {time} (chatglm:restoreAt)", "已到 {time}（chatglm:restoreAt）"),
    "interrupted": ("the training {run} was interrupted and goes on", "训练 {run} 被中断，现继续"),
    "unfinished-restore": ("a restore was cut off and goes on", "上次恢复被中断，现继续"),
    "unfinished-park": ("a park was cut off and goes on", "上次停放被中断，现继续"),
    "park-given-up": (
        "a park was cut off and the machine has been used since: it stays",
        "上次停放被中断，此后机器又被使用：保留机器",
    ),
    "too-many-tries": (
        "{tries} tries of the last hour failed ({act}): the next one waits",
        "一小时内已失败 {tries} 次（{act}），暂缓再试",
    ),
    "backing-off": (
        "{tries} tries failed ({act}); the next one in {seconds} s",
        "已失败 {tries} 次（{act}），{seconds} 秒后再试",
    ),
    "budget-day": (
        "{spent} CNY of today's {budget} CNY are spent (chatglm:budgetPerDay)",
        "今日已花费 {spent} 元，预算 {budget} 元（chatglm:budgetPerDay）",
    ),
    "budget-month": (
        "{spent} CNY of this month's {budget} CNY are spent (chatglm:budgetPerMonth)",
        "本月已花费 {spent} 元，预算 {budget} 元（chatglm:budgetPerMonth）",
    ),
    "budget-day-soon": (
        "today's budget of {budget} CNY is nearly spent ({spent} CNY)",
        "今日预算 {budget} 元即将用完（已花费 {spent} 元）",
    ),
    "budget-month-soon": (
        "this month's budget of {budget} CNY is nearly spent ({spent} CNY)",
        "本月预算 {budget} 元即将用完（已花费 {spent} 元）",
    ),
    "budget-day-unseen": (
        "today's budget of {budget} CNY is spent ({spent} CNY), but the machine cannot be asked to save its work first",
        "今日预算 {budget} 元已用完（{spent} 元），但无法联系机器先保存工作",
    ),
    "budget-month-unseen": (
        "this month's budget of {budget} CNY is spent ({spent} CNY), but the machine cannot be asked to save its work "
        "first",
        "本月预算 {budget} 元已用完（{spent} 元），但无法联系机器先保存工作",
    ),
    "budget-day-keeps-parked": (
        "it stays parked: {spent} CNY of today's {budget} CNY are spent",
        "保持停放：今日预算 {budget} 元，已花费 {spent} 元",
    ),
    "budget-month-keeps-parked": (
        "it stays parked: {spent} CNY of this month's {budget} CNY are spent",
        "保持停放：本月预算 {budget} 元，已花费 {spent} 元",
    ),
    "park-at": ("it is past {time} (chatglm:parkAt)", "已过 {time}（chatglm:parkAt）"),
    "park-at-soon": ("at {time} the machine is parked (chatglm:parkAt)", "机器将于 {time} 停放（chatglm:parkAt）"),
    "park-at-waits": ("it is past {time}, but a {task} is in hand", "已过 {time}，但有任务在进行（{task}）"),
    "park-at-unseen": (
        "it is past {time}, but the machine cannot be asked whether it works",
        "已过 {time}，但无法确认机器是否在工作",
    ),
    "task": ("a {task} is in hand ({run})", "有任务在进行：{task}（{run}）"),
    "in-order": ("all in order", "一切正常"),
    "use-unknown": ("when it was last used is not known, so it stays", "无法得知最近一次使用的时间，故保留"),
    "in-use": ("last used {minutes} min ago", "{minutes} 分钟前使用过"),
    "idle-soon": ("nobody has used it for {minutes} min", "已 {minutes} 分钟无人使用"),
    "idle": (
        "nobody has used it for {minutes} min (chatglm:idleMinutes)",
        "已 {minutes} 分钟无人使用（chatglm:idleMinutes）",
    ),
}

#: What everybody who reaches the port may read of it: what a stack may cost is its owner's alone.
OPEN: dict[str, tuple[str, str]] = {
    "budget-day": ("today's budget is spent", "今日预算已用完"),
    "budget-month": ("this month's budget is spent", "本月预算已用完"),
    "budget-day-soon": ("today's budget is nearly spent", "今日预算即将用完"),
    "budget-month-soon": ("this month's budget is nearly spent", "本月预算即将用完"),
}

#: What is decided or done: English, Chinese. Pulumi's own kinds of updates are among them.
ACTS: Mapping[str, Pair] = {
    STAY: ("stay", "不动"),
    WARN: ("warn", "预警"),
    PARK: ("park", "停放"),
    RESTORE: ("restore", "恢复"),
    RESUME: ("resume", "继续训练"),
    "up": ("up", "更新"),
    "destroy": ("destroy", "销毁栈"),
    "refresh": ("refresh", "刷新状态"),
    "reclaim": ("reclaim", "回收"),
    "restored": ("restored", "已恢复"),
}
#: How it ended.
OUTCOMES: Mapping[str, Pair] = {
    "begun": ("begun", "开始"),
    "done": ("done", "完成"),
    "failed": ("failed", "失败"),
    "given up": ("given up", "放弃"),
}
_TASKS: Mapping[str, Pair] = {TRAINING: ("training", "训练"), EVALUATION: ("evaluation", "评估")}
_IDS: Mapping[str, Mapping[str, Pair]] = MappingProxyType({"act": ACTS, "task": _TASKS})


def say(reason: Reason) -> Pair:
    """The reason in English and in Chinese; an id of another version, or with other parts, as it is."""
    english, chinese = WORDS.get(reason.id, (reason.id, reason.id))
    try:
        return english.format(**_parts(reason, 0)), chinese.format(**_parts(reason, 1))
    except (KeyError, IndexError, ValueError):
        return reason.id, reason.id


def say_decision(decision: Decision, *, openly: bool = False) -> tuple[str, str]:
    """The decision with its reason: "park: nobody has used it for 40 min".

    `openly` leaves out what only the stack's owner should read.
    """
    english, chinese = OPEN.get(decision.reason.id, say(decision.reason)) if openly else say(decision.reason)
    act, word = ACTS[decision.act]
    if decision.act == WARN and decision.seconds is not None:
        minutes = max(1, round(decision.seconds / 60))
        return f"parks in {minutes} min: {english}", f"{minutes} 分钟后停放：{chinese}"
    return f"{act}: {english}", f"{word}：{chinese}"


def say_change(act: str, outcome: str, reason: Reason) -> Pair:
    """What was done and how it ended (may be empty), with its reason if it has one: "park (failed): it is 23:00"."""
    acts, outcomes = ACTS.get(act, (act, act)), OUTCOMES.get(outcome, (outcome, outcome))
    english, chinese = say(reason)
    return (
        acts[0] + (f" ({outcomes[0]})" if outcome else "") + (f": {english}" if reason.id else ""),
        acts[1] + (f"（{outcomes[1]}）" if outcome else "") + (f"：{chinese}" if reason.id else ""),
    )


def _parts(reason: Reason, language: int) -> dict[str, Part]:
    return {
        name: _IDS[name].get(str(part), (str(part), str(part)))[language] if name in _IDS else part
        for name, part in reason.parts.items()
    }
