"""The long runs whose results are kept: what each gives, and why `make bench` does not run it."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figure import Figure, Note, NotMeasured
from bench.kept import LongRun

SWEEP = LongRun(
    "sweep",
    (
        Figure("sweep_cases", 0, "cases"),
        Figure("sweep_invariant_broken", 0, "cases", 0),
        Figure("sweep_not_recovered", 0, "cases", 0),
        Figure("sweep_orphans", 0, "cases", 0),
    ),
    "no whole run is kept; make test-sweep makes one, in an hour and a half, and goes on where it was cut off",
)
GUARD = LongRun(
    "guard",
    (Figure("guard_faults", 0, "cases"), Figure("guard_faults_broken", 0, "cases", 0)),
    "no whole run is kept; make test-guard makes one, in an hour or so, and goes on where it was cut off",
)

SUITE = LongRun(
    "suite",
    (Figure("suite_seconds", 0, "s", 720), Figure("suite_fast_seconds", 0, "s", 120)),
    "takes a quarter of an hour of two quiet cores: python -m bench.suite",
)

MUTANTS = LongRun(
    "mutants",
    (Figure("mutation_score", 0, "%", 90, "at least"),),
    "300 mutants take half an hour of two cores: make mutants",
)


def _first_run(kind: str) -> LongRun:
    parts = ("", *(f"_{part}" for part in ("environment", "engine", "cloud", "update")))
    seconds = (Figure(f"first_run_seconds_{kind}{part}", 0, "s") for part in parts)
    # How many processes wanted to run when it began: on a busy computer the seconds are an upper bound.
    figures = (*seconds, Figure(f"first_run_load_{kind}", 0, "processes"))
    return LongRun(f"first_run_{kind}", figures, f"takes minutes of all cores: python -m bench.first_run {kind}")


#: Tokens a second over upstream's on the same card, at least, on an H100.
ENGINE_RATIOS = {"fp16": 5.5, "int8": 12, "int4": 13}

LONG_RUNS: tuple[LongRun, ...] = (
    SWEEP,
    SUITE,
    GUARD,
    MUTANTS,
    _first_run("warm"),
    _first_run("cold"),
    LongRun(
        "tuning_on_card",
        (
            Figure("eval_speedup_card", 0, "times", 3, "at least"),
            Figure("train_int4_speedup", 0, "times", 1.5, "at least"),
        ),
        "needs a GPU and the model's code: python -m bench.tuning_on_card UPSTREAM OUT.json",
    ),
    LongRun(
        "upstream_tuning",
        (Figure("eval_speedup", 0, "times", 3, "at least"),),
        "needs upstream's code and its libraries: python -m tools.record_tuning SOURCE MODEL",
    ),
    LongRun(
        "engine",
        (
            *(Figure(f"{name}_ratio", 0, "times", bar, "at least") for name, bar in ENGINE_RATIOS.items()),
            *(Figure(f"{name}_bandwidth_share", 0, "share") for name in ENGINE_RATIOS),
            *(Figure(f"{name}_t4_tokens_s_computed", 0, "tokens/s") for name in ENGINE_RATIOS),
            *(Figure(f"{name}_steps_differing", 0, "steps", 0) for name in ENGINE_RATIOS),
            *(
                Figure(f"{name}_first_token_ratio_{length}", 0, "share", 0.5)
                for name in ENGINE_RATIOS
                for length in (32, 512, 2000)
            ),
            *(Figure(f"{name}_memory_gib", 0, "GiB", 14.75) for name in ENGINE_RATIOS),
            *(Figure(f"{name}_concurrent_ratio", 0, "times") for name in ENGINE_RATIOS),
            Figure("concurrent_ratio", 0, "times"),
            Figure("deploy_seconds", 0, "s", 5),
            Figure("fp16_load_ratio", 0, "share", 1.3),
            Figure("fp16_load_ratio_after_imports", 0, "share"),
        ),
        "needs a GPU and the model's code: python -m bench.card.measure --upstream FOLDER --model FOLDER --out FILE",
    ),
    LongRun(
        "engine_reasons",
        (
            *(Figure(f"{name}_cold_load_ratio", 0, "share", 1.3) for name in ("fp16", "int4")),
            *(Figure(f"{name}_cold_load_seconds", 0, "s") for name in ("fp16", "int4")),
            *(Figure(f"{name}_cold_seconds_until_torch", 0, "s") for name in ("fp16", "int4")),
            *(Figure(f"{name}_host_peak_gb", 0, "GB", 4) for name in ("fp16", "int4")),
            *(Figure(f"fp16_steps_differing_prefix_{kind}", 0, "share", 0.02) for kind in ("none", "own", "random")),
            *(
                Figure(f"int4_tokens_s_{ahead}_ahead_{warps}_warps", 0, "tokens/s")
                for ahead, warps in ((8, 16), (8, 8), (4, 16), (4, 8), (16, 16))
            ),
            Figure("int4_chosen_bandwidth_share", 0, "share", 0.45, "at least"),
            Figure("int4_chosen_t4_tokens_s_computed", 0, "tokens/s"),
        ),
        "needs a GPU: python -m bench.card.reasons MODEL OUT.json",
    ),
    LongRun(
        "engine_trained",
        (
            *(Figure(f"fp16_steps_differing_prefix_trained_{kind}", 0, "share", 0.02) for kind in ("seen", "unseen")),
            Figure("trained_prefix_tokens_learnt", 0, "share", 0.99, "at least"),
        ),
        "needs a GPU: python -m bench.card.trained MODEL OUT.json",
    ),
    LongRun(
        "ownership",
        (Figure("ownership_cases", 0, "cases", 21, "at least"), Figure("ownership_broken", 0, "cases", 0)),
        "run make test-ownership (some ten minutes)",
    ),
    LongRun(
        "windows_scenarios",
        (
            Figure("windows_scenarios", 0, "scenarios", 60, "at least"),
            Figure("windows_scenarios_broken", 0, "scenarios", 0),
        ),
        "all of them take an hour or more: make test-windows",
    ),
    LongRun(
        "script_mutants",
        (Figure("script_mutants", 0, "%", 85, "at least"),),
        "120 mutants take hours: python -m tests.windows.mutants",
    ),
)


def measure() -> Iterator[Figure | NotMeasured | Note]:
    for run in LONG_RUNS:
        yield from run.measure()
