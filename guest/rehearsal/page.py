"""Builds upstream's page: a chat box, a text box, three sliders and the history, with the ids that gradio gives."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from guest.rehearsal.model import History, Model, Tokenizer

Chat = list[list[str]]


def build(model: Model, tokenizer: Tokenizer) -> Any:
    """The page that asks `model`."""
    gradio: Any = importlib.import_module("gradio")

    def predict(
        question: str, chat: Chat, max_length: int, top_p: float, temperature: float, history: History
    ) -> Iterator[tuple[Chat, History]]:
        chat.append([question, ""])
        before = [(asked, said) for asked, said in history]
        for answer, turns in model.stream_chat(
            tokenizer, question, before, max_length=max_length, top_p=top_p, temperature=temperature
        ):
            chat[-1] = [question, answer]
            yield chat, turns

    with gradio.Blocks() as page:
        gradio.HTML("<h1>ChatGLM (rehearsal)</h1>")
        chatbot = gradio.Chatbot([])
        question = gradio.Textbox("", show_label=False)
        submit = gradio.Button("Submit")
        max_length = gradio.Slider(0, 4096, value=2048, step=1.0, label="Maximum length", interactive=True)
        top_p = gradio.Slider(0, 1, value=0.7, step=0.01, label="Top P", interactive=True)
        temperature = gradio.Slider(0, 1, value=0.95, step=0.01, label="Temperature", interactive=True)
        history = gradio.State([])
        submit.click(predict, [question, chatbot, max_length, top_p, temperature, history], [chatbot, history])
    return page
