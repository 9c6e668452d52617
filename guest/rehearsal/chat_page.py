"""The page of a rehearsal's demo: a login form, then a chat box; in every part it says that it is simulated."""

from __future__ import annotations

import html
import json

_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>ChatGLM-6B (simulated / 模拟)</title>
<style>
body {{ max-width: 44rem; margin: 1.5rem auto; padding: 0 1rem; font: 16px/1.6 system-ui, sans-serif; }}
.note {{ border: 2px dashed; border-radius: .5rem; padding: .6rem 1rem; }}
#chat {{ list-style: none; padding: 0; display: grid; gap: .6rem; }}
#chat li {{ padding: .5rem .9rem; border-radius: .8rem; border: 1px solid; max-width: 85%; white-space: pre-wrap; }}
#chat .asked {{ justify-self: end; }}
form {{ display: flex; gap: .5rem; flex-wrap: wrap; }} input {{ flex: 1; min-width: 10rem; }}
input, button {{ font: inherit; padding: .4rem .6rem; }} [role=alert] {{ flex-basis: 100%; margin: 0; }}
</style></head>
<body data-simulated="true">
<h1>ChatGLM-6B（模拟 / simulated）</h1>
<p class="note">本机为模拟环境，不是真实的 ChatGLM-6B：没有 GPU，也没有模型，回答都是模拟的。<br>
<span lang="en">This machine is simulated; it is not the real ChatGLM-6B: no GPU and no model are here, answers are
simulated.</span></p>
{body}
</body></html>
"""
_LOGIN = """<h2>登录 / Log in</h2>
<form id="login">
<label>用户名 / user <input name="username" autocomplete="username" required></label>
<label>密码 / password <input name="password" type="password" autocomplete="current-password" required></label>
<button>登录 / Log in</button><p role="alert" id="said"></p></form>
<p>密码 / password: <code>make password</code></p>
<script>
document.getElementById("login").onsubmit = async (event) => {
  event.preventDefault();
  const answer = await fetch("login", { method: "POST", body: new URLSearchParams(new FormData(event.target)) });
  if (answer.ok) location.reload();
  else document.getElementById("said").textContent = "用户名或密码不对。 Wrong user or password.";
};
</script>"""
_CHAT = """<p>模型 / model: <code>MODEL_TEXT</code></p>
<ol id="chat" aria-live="polite"></ol>
<form id="ask"><input name="q" aria-label="问题 / question" placeholder="你好 / Hello" autocomplete="off" required>
<button>发送 / Send</button></form>
<script>
const chat = document.getElementById("chat");
const put = (kind, text) => {
  const item = document.createElement("li");
  item.className = kind; item.textContent = text; chat.append(item); return item;
};
document.getElementById("ask").onsubmit = async (event) => {
  event.preventDefault();
  const field = event.target.q, question = field.value;
  field.value = ""; put("asked", question);
  const place = put("said", "…");
  const body = JSON.stringify({ fn_index: 0, data: [question] });
  const answer = await fetch("run/predict", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  place.textContent = answer.ok ? (await answer.json()).data[0].at(-1)[1] : "出错了 / failed: " + answer.status;
};
</script>"""


def login_page() -> str:
    """The page for somebody who is not logged in."""
    return _PAGE.format(body=_LOGIN)


def chat_page(model: str) -> str:
    """The page for somebody who is; `model` is what is served, in words."""
    return _PAGE.format(body=_CHAT.replace("MODEL_TEXT", html.escape(model)))


def answer_body(chat: object) -> bytes:
    """gradio's form of an answer, for the page's script."""
    return json.dumps({"data": [chat], "is_generating": False}, ensure_ascii=False).encode("utf-8")
