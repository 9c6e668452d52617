"""A few canned answers, so that the first minute of a rehearsal shows what chatting is like. They are no model's."""

from __future__ import annotations

import re

#: What a question holds, and the answer. The first that fits is taken; the last fits everything.
_CANNED = (
    (r"\bhi\b|hello", "Hello! This is a canned answer of the rehearsal. On a real machine ChatGLM-6B answers here."),
    (
        r"你好|您好|嗨",
        "你好！我是这台演练机器的固定回答，不是 ChatGLM。真正的机器上，这里会由 ChatGLM-6B 回答。",
    ),
    (
        r"who are you|what are you",
        "I am a canned answer of this rehearsal, not ChatGLM. On a real machine ChatGLM-6B answers.",
    ),
    (r"你是谁|你叫什么", "我是演练用的固定回答。真正的机器上回答的是 ChatGLM-6B，一个 62 亿参数的中英双语对话模型。"),
    (r"诗|poem|poetry", "云上有一机，用时方唤起。镜像存旧梦，停放不费力。（固定回答，不是模型写的）"),
    (
        r"价|多少钱|费用|cost|price",
        "费用以预览为准：pulumi preview 会说每小时多少钱；停放后只有镜像计费。chatglm cost 随时可查。（固定回答）",
    ),
    (
        r"停放|park",
        "停放：pulumi config set chatglm:state parked，再 pulumi up。先制作镜像并验证，再销毁机器。（固定回答）",
    ),
    (r"微调|fine-?tun|train", "微调：chatglm train 数据.json，之后 chatglm deploy 就能在这里试用。（固定回答）"),
    (r"代码|python|code", "print('hello')  # 固定回答：真正的模型会按你的要求写代码。"),
    (r"[\u4e00-\u9fff]", "这里没有模型，所以只能给一个固定回答。真正的机器上 ChatGLM-6B 会回答这个问题。"),
    (r"", "There is no model here, so this answer is canned. On a real machine ChatGLM-6B answers the question."),
)


def reply(question: str) -> str:
    """The canned answer to a question."""
    return next(answer for pattern, answer in _CANNED if re.search(pattern, question, re.IGNORECASE))
