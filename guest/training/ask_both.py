"""Loads the model once and asks it every question twice: as it was published, and with a run's prefix.

    python ask_both.py SOURCE QUESTIONS.JSON

Runs in upstream's environment, as upstream's own page loads a tuned model. Answers are greedy: sampled ones would
differ from one another even for one model.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
_PREFIX = "transformer.prefix_encoder."


def load(asked: dict[str, Any]) -> tuple[Any, Any]:
    """Tokenizer and model with the checkpoint's prefix, on the GPU."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(asked["model"], trust_remote_code=True)
    config = transformers.AutoConfig.from_pretrained(asked["model"], trust_remote_code=True)
    config.pre_seq_len, config.prefix_projection = asked["preSeqLen"], asked["prefixProjection"]
    model = transformers.AutoModel.from_pretrained(asked["model"], config=config, trust_remote_code=True)
    weights = torch.load(str(Path(asked["checkpoint"]) / "pytorch_model.bin"), map_location="cpu")
    prefix = {name[len(_PREFIX) :]: value for name, value in weights.items() if name.startswith(_PREFIX)}
    model.transformer.prefix_encoder.load_state_dict(prefix)
    if asked["quantizationBit"] is not None:
        model = model.quantize(asked["quantizationBit"])
    model = model.half().cuda()
    model.transformer.prefix_encoder.float()
    return tokenizer, model.eval()


def ask_both(asked: dict[str, Any], tokenizer: Any, model: Any, tell: Any) -> None:
    """Write one line of both answers after each question."""
    length, done = model.transformer.pre_seq_len, 0
    with Path(asked["answers"]).open("w", encoding="utf-8") as out:
        for row in asked["questions"]:
            answers = {}
            for name, prefix in (("base", None), ("tuned", length)):
                # The one switch between the two: without a length the model's code puts no prefix before the text.
                model.transformer.pre_seq_len = prefix
                answers[name], _ = model.chat(
                    tokenizer, row["question"], history=[], max_length=asked["maxLength"], do_sample=False
                )
                done += 1
                tell("predict", step=done, total=2 * len(asked["questions"]))
            out.write(json.dumps({**row, **answers}, ensure_ascii=False) + "\n")
            out.flush()


def main(arguments: list[str]) -> None:
    source = Path(arguments[0])
    sys.path[0] = str(PROJECT)
    if (source / "REHEARSAL.md").is_file():
        sys.path.insert(1, str(source))  # the rehearsal's stand-ins for the libraries
    from guest.training.hooks.events import Events

    asked = json.loads(Path(arguments[1]).read_text(encoding="ascii"))
    events = Events(Path(asked["events"]))
    try:
        tokenizer, model = load(asked)
        ask_both(asked, tokenizer, model, events.tell)
    except Exception as error:
        told = traceback.format_exception(type(error), error, error.__traceback__)
        events.tell("failure", kind=type(error).__name__, lines="".join(told).splitlines()[-40:])
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
