"""How long a training takes and what it costs, before it starts: about, and said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from components.settings import Settings
from guest.gpu import GIB
from guest.training.memory import Thrift, choose_thrift
from guest.training.options import TrainOptions
from operate.cost import Prices, Sum
from operate.errors import OperateError
from operate.output import human_seconds
from operate.prices import GPU_MEMORY_GB
from operate.stacks import Stack
from tencent.cloud import Cloud
from words import phrase

#: A micro-step of upstream's recipe on a T4: int4, 64 + 64 tokens, 8.4 s for sixteen (reported in THUDM/ChatGLM-6B
#: issue 743: 3,000 steps in about seven hours).
_MICRO_STEP_SECONDS, _MICRO_STEP_TOKENS = 8.4 / 16, 128
#: Twice the tokens are reported to take 1.5 to 2 times as long.
_FIXED_SHARE = 0.4
#: Time of a micro-step against upstream's at int4, by (bits, checkpointing): milliseconds measured with the real shape
#: on an H100 over 189. For int8 only 203 with everything was measured; leaving out saves there what it does at int4.
_RELATIVE = {
    (None, True): 136 / 189, (None, False): 86 / 189, (8, True): 203 / 189 * 166 / 189,
    (8, False): 203 / 189 * 110 / 189, (4, True): 166 / 189, (4, False): 110 / 189,
}  # fmt: skip
#: Loading the model, tokenising, and the demo's start afterwards.
_AROUND_SECONDS = 420.0
_SAVE_SECONDS = 5.0
_HELD_OUT_ROWS = 100
#: What a card of so many GB offers to a program, in GiB.
_OFFERED_GIB = {16: 14.75, 24: 22.0, 32: 31.0, 40: 39.0}
ASK_ABOVE_CNY = Decimal(20)


@dataclass(frozen=True)
class Estimate:
    """`cost` and `hourly` are CNY, None where no price is known; `reason` says why."""

    steps: int
    seconds: float
    gpu: str
    thrift: Thrift
    hourly: Decimal | None
    reason: str = ""

    @property
    def cost(self) -> Decimal | None:
        return None if self.hourly is None else (self.hourly * Decimal(self.seconds) / 3600).quantize(Decimal("0.01"))

    def as_dict(self) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "seconds": round(self.seconds),
            "gpu": self.gpu,
            "memory": self.thrift.words,
            "hourlyCny": self.hourly,
            "costCny": self.cost,
            "unknown": self.reason or None,
        }

    def words(self) -> str:
        cost = (
            phrase("about {cost} CNY ({hourly:.2f} CNY an hour)", cost=self.cost, hourly=self.hourly)
            if self.hourly is not None
            else phrase("cost unknown: {reason}", reason=self.reason)
        )
        faster = "" if self.gpu == "T4" else phrase(" on a T4; this {gpu} is faster", gpu=self.gpu)
        took = phrase(
            "{steps:,} steps take about {seconds}{faster}",
            steps=self.steps,
            seconds=human_seconds(self.seconds),
            faster=faster,
        )
        return f"{took}, {cost}. {_upper(self.thrift.words)}."


def seconds(options: TrainOptions, steps: int, *, checkpointing: bool) -> float:
    """Seconds of `steps` steps on a T4, with loading, saving and measuring."""
    tokens = options.max_source_length + options.max_target_length
    longer = _FIXED_SHARE + (1 - _FIXED_SHARE) * tokens / _MICRO_STEP_TOKENS
    row = _MICRO_STEP_SECONDS * longer * _RELATIVE[options.quantization_bit, checkpointing]
    step = row * options.per_device_train_batch_size * options.gradient_accumulation_steps
    saves = steps // options.save_steps + 1
    # Measuring a row is a third of training on it: no second pass, no gradients.
    measured = saves * _HELD_OUT_ROWS * row / 3 if options.hold_out else 0.0
    return steps * step + saves * _SAVE_SECONDS + measured + _AROUND_SECONDS


def estimate(
    options: TrainOptions, done: int, settings: Settings, hourly: Decimal | None, reason: str = ""
) -> Estimate:
    """The estimate for the steps that are left on the stack's type of machine."""
    gpu, gigabytes = GPU_MEMORY_GB.get(settings.instance_type.partition(".")[0], ("card", 16))
    thrift = choose_thrift(options, int(_OFFERED_GIB.get(gigabytes, 14.75) * GIB))
    steps = max(0, options.max_steps - done)
    return Estimate(steps, seconds(options, steps, checkpointing=thrift.checkpointing), gpu, thrift, hourly, reason)


def hourly_price(open_cloud: Callable[[], Cloud], stack: Stack) -> tuple[Decimal | None, str]:
    """CNY an hour of the stack's machine and disk, or None and why: a training needs no key of the cloud."""
    try:
        total = Sum.of(Prices(open_cloud()).planned(stack.settings, stack.zone))
    except OperateError as error:
        return None, error.message.rstrip(".")
    return (None, "; ".join(total.unknown)) if total.unknown else (total.hourly, "")


def options_of(recorded: Mapping[str, Any] | None, given: Mapping[str, Any]) -> TrainOptions:
    """The options of a run that is resumed with changes, or of a new one."""
    return TrainOptions(**{**(recorded or {}), **given})


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]
