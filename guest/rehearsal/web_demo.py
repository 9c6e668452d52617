"""Plays upstream's `web_demo.py`: the base model's page, without a model."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))

from transformers import AutoModel, AutoTokenizer  # type: ignore[import-not-found]

from guest.rehearsal.page import build

# The same text as upstream's, so that what changes it on the way is rehearsed too.
tokenizer = AutoTokenizer.from_pretrained("THUDM/chatglm-6b", trust_remote_code=True)
model = AutoModel.from_pretrained("THUDM/chatglm-6b", trust_remote_code=True).half().cuda()
model = model.eval()

if __name__ == "__main__":
    build(model, tokenizer).queue().launch(share=False, inbrowser=True)
