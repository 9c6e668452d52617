"""How often rounding alone decides with a prefix that was trained, as P-Tuning v2 trains one.

    python -m bench.card.trained MODEL OUT [ROUNDS]

MODEL is written first, with random numbers. Its weights stay as they are; the prefix alone learns to make them say
eight answers of 64 random tokens, in fp32. Then the engine answers in fp16, the prompts that it was trained on and
others, beside the same weights in fp32. Needs torch alone.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]

from bench.card import measure, reasons
from bench.card import model as real
from guest.engine.decoder import Decoder
from guest.engine.opening import open_decoder
from guest.engine.prefill import last_logits, through_layers
from guest.engine.prefix import Prefix
from guest.engine.prompt import place

ROUNDS = 300
#: Upstream's, falling to zero in a straight line as there.
RATE = 2e-2
SEEN, UNSEEN = range(reasons.PROMPTS), range(reasons.PROMPTS, 2 * reasons.PROMPTS)


def answer_to(number: int) -> list[int]:
    generator = torch.Generator().manual_seed(77 + number)
    found: list[int] = torch.randint(20005, 129000, (reasons.STEPS,), generator=generator).tolist()
    return found


def logits_of_answer(decoder: Decoder, prefix: Prefix, tokens: list[int], answer: list[int]) -> Any:
    """As `reasons.logits_of_all`, without a cache, so that the prefix can learn by them."""
    prompt = place([*tokens, *answer[:-1]], decoder.shape)
    given, *places = (
        torch.tensor(row, device=decoder.device) for row in (prompt.tokens, prompt.positions, prompt.blocks)
    )
    count, before = len(prompt.tokens), prefix.length
    seen = torch.ones(count, before + count, dtype=torch.bool, device=decoder.device).tril(before)
    seen[: prompt.context, : before + prompt.context] = True

    def attend(layer: int, queries: Any, keys: Any, values: Any) -> Any:
        all_keys = torch.cat([prefix.keys[layer], keys.transpose(0, 1)], dim=1)
        all_values = torch.cat([prefix.values[layer], values.transpose(0, 1)], dim=1)
        rows = queries.transpose(0, 1)[None]
        mixed = torch.nn.functional.scaled_dot_product_attention(rows, all_keys[None], all_values[None], attn_mask=seen)
        return mixed[0].transpose(0, 1).reshape(count, -1)

    hidden = through_layers(
        decoder.weights, given, decoder.tables, (places[0], places[1]), attend, lambda linear, rows: linear.apply(rows)
    )
    return last_logits(decoder.weights, hidden[prompt.context :]).float()


def train(decoder: Decoder, rounds: int) -> tuple[Prefix, list[float]]:
    """A prefix that makes `decoder`, in fp32, say the answers; and the mean loss of every tenth round."""
    begun = reasons.random_prefix(decoder, reasons.SPREAD)
    prefix = Prefix(*(numbers.float().requires_grad_() for numbers in (begun.keys, begun.values)))
    optimizer = torch.optim.Adam([prefix.keys, prefix.values], lr=RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: 1 - done / rounds)
    losses = []
    torch.backends.cuda.matmul.allow_tf32 = True
    for number in range(rounds):
        total = 0.0
        optimizer.zero_grad()
        for pair in SEEN:
            answer = answer_to(pair)
            logits = logits_of_answer(decoder, prefix, reasons.tokens_of(pair), answer)
            loss = torch.nn.functional.cross_entropy(logits, torch.tensor(answer, device=logits.device)) / len(SEEN)
            loss.backward()
            total += float(loss.detach())
        optimizer.step()
        schedule.step()
        if number % 10 == 0 or number == rounds - 1:
            losses.append(round(total, 4))
    torch.backends.cuda.matmul.allow_tf32 = False
    return prefix, losses


def said_as_trained(decoder: Decoder) -> float:
    """The share of the answers' tokens that the engine says when it takes the likeliest each time."""
    equal = 0
    for pair in SEEN:
        made = reasons.greedy(decoder, reasons.tokens_of(pair), reasons.STEPS)
        equal += sum(one == other for one, other in zip(made, answer_to(pair), strict=True))
    return round(equal / (len(SEEN) * reasons.STEPS), 4)


def main(model: Path, out: Path, rounds: int) -> None:
    """Train, compare, write what was found."""
    started = time.perf_counter()
    real.write(model)
    torch.cuda.empty_cache()
    decoder = open_decoder(model, "fp16", model / "compiled")
    exact = measure.exact(decoder)
    trained, losses = train(exact, rounds)
    del exact
    prefix = Prefix(*(numbers.detach().to(decoder.dtype) for numbers in (trained.keys, trained.values)))
    told: dict[str, Any] = {
        "card": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "rounds": rounds,
        "losses": losses,
        "trained_s": round(time.perf_counter() - started, 1),
        "seen": reasons.ties(decoder, prefix, SEEN),
    }
    told["said_as_trained"] = said_as_trained(decoder)
    told["unseen"] = reasons.ties(decoder, prefix, UNSEEN)
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS)
