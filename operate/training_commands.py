"""The commands for fine-tuning. Each is thin: check, ask the machine, render."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operate.errors import ExitCode, OperateError
from operate.life_commands import confirm
from operate.options import AsJson, StackName, Yes
from operate.output import Output, human_bytes
from operate.session import Session, session, telling
from words import heard, phrase

if TYPE_CHECKING:
    from guest.training.dataset import Report
    from operate.channel import Channel
    from operate.estimate import Estimate
    from operate.training import TrainRequest

tuning = typer.Typer()

RunName = Annotated[str, typer.Argument(metavar="RUN", help="The run's name; chatglm runs lists them.")]
Folder = Annotated[Path, typer.Option("--folder", help="Where fetched runs lie on this computer.")]
Step = Annotated[
    int | None, typer.Option("--checkpoint", min=1, help="The step; else the best on held-out rows, or the newest.")
]
RUNS = Path("runs")


def _option(text: str, **more: Any) -> Any:
    return typer.Option(help=text, show_default=False, **more)


@tuning.command()
def train(
    dataset: Annotated[
        Path | None, typer.Argument(metavar="DATASET", help="JSON lines or one JSON array, UTF-8.")
    ] = None,
    stack: StackName = None,
    as_json: AsJson = False,
    dev: Annotated[Path | None, typer.Option("--dev", help="Data set for chatglm evaluate.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The run's name; else made from the file and the time.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on from its newest checkpoint.")
    ] = None,
    keep_local: Annotated[bool, typer.Option("--keep-local", help="Fetch each new checkpoint by itself.")] = False,
    folder: Folder = RUNS,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it has started.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the data here; no machine is needed.")] = False,
    pre_seq_len: Annotated[
        int | None, _option("Length of the trained prefix (128; the stack's chatglm:preSeqLen).")
    ] = None,
    learning_rate: Annotated[float | None, _option("Learning rate (0.02).")] = None,
    max_source_length: Annotated[int | None, _option("Tokens of a prompt (128).")] = None,
    max_target_length: Annotated[int | None, _option("Tokens of an answer (128).")] = None,
    batch_size: Annotated[int | None, _option("Samples at once (1).")] = None,
    accumulation: Annotated[int | None, _option("Batches in a step (16).")] = None,
    max_steps: Annotated[int | None, _option("Steps (3000).")] = None,
    logging_steps: Annotated[int | None, _option("Steps between two losses (10).")] = None,
    save_steps: Annotated[int | None, _option("Steps between two checkpoints (50): what a reclaim costs.")] = None,
    save_total_limit: Annotated[int | None, _option("How many checkpoints are kept (3).")] = None,
    quantization_bit: Annotated[int | None, _option("4 or 8: less memory; else 16-bit weights.")] = None,
    prompt_column: Annotated[str | None, _option("Column of the prompt (content).")] = None,
    response_column: Annotated[str | None, _option("Column of the answer (summary).")] = None,
    history_column: Annotated[str | None, _option("Column of earlier turns (none).")] = None,
    seed: Annotated[int | None, _option("Seed of chance (42).")] = None,
    hold_out: Annotated[
        float | None, _option("Share of the rows that is measured and not trained on (0), such as 0.1.")
    ] = None,
    patience: Annotated[
        int | None, _option("End after so many checkpoints without a lower held-out loss (never).")
    ] = None,
    keep_going: Annotated[
        bool | None,
        typer.Option(
            "--keep-going/--no-keep-going",
            help="Go on by itself after the machine was away (yes).",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Fine-tune on the machine: check, say time and cost, send, start, show progress; Ctrl-C leaves it running.

    Above 20 CNY it asks first.

    Example: chatglm train train.json --hold-out 0.1 --patience 5 --keep-local
    """
    from operate import training

    given = {
        "pre_seq_len": pre_seq_len,
        "learning_rate": learning_rate,
        "max_source_length": max_source_length,
        "max_target_length": max_target_length,
        "per_device_train_batch_size": batch_size,
        "gradient_accumulation_steps": accumulation,
        "max_steps": max_steps,
        "logging_steps": logging_steps,
        "save_steps": save_steps,
        "save_total_limit": save_total_limit,
        "quantization_bit": quantization_bit,
        "prompt_column": prompt_column,
        "response_column": response_column,
        "history_column": history_column,
        "seed": seed,
        "hold_out": hold_out,
        "patience": patience,
    }
    options = {key: value for key, value in given.items() if value is not None}
    request = training.TrainRequest(dataset, dev, name, resume, options, keep_going)
    with telling(Output(as_json)):
        reports = _check(request, Output(as_json), only=check)
    if check:
        return
    with session(stack, as_json) as here:
        if resume is None:
            defaults = {"pre_seq_len": here.stack.settings.pre_seq_len}
            request = replace(request, options={**defaults, **options})
        channel = here.channel()
        expected = _expect(here, channel, request, yes=yes)
        started = training.start(channel, request, here.output)
        run = str(started["run"])
        here.output.say(_start_words(started))
        document: dict[str, Any] = {
            "estimate": expected.as_dict(),
            "started": started,
            "data": [one.as_dict() for one in reports],
        }
        if not detach:
            keeper = training.Keeper(channel, run, folder, here.output) if keep_local else None
            try:
                ended = training.follow(channel, run, here.output, keeper=keeper)
            except KeyboardInterrupt:
                here.output.say(
                    phrase(
                        "Run {run} goes on. Look in: chatglm watch, chatglm logs train -f. End it: chatglm stop.",
                        run=run,
                    )
                )
                raise typer.Exit(ExitCode.INTERRUPTED) from None
            training.conclude(ended)
            document["ended"] = ended
            here.output.say(_end_words(ended))
            if keeper is not None:
                document["kept"] = keeper.kept
        here.output.show(
            document, phrase("Next: chatglm evaluate {run}, chatglm deploy {run}, chatglm fetch {run}", run=run)
        )


def _check(request: TrainRequest, output: Output, *, only: bool) -> list[Report]:
    from operate import training, training_words

    if request.dataset is None and request.resume is None:
        raise OperateError(
            phrase("train needs a data set, or --resume RUN."),
            phrase("Example: chatglm train train.json"),
            ExitCode.BAD_INPUT,
        )
    if request.resume is not None and (request.dataset or request.dev or request.name):
        raise OperateError(
            phrase("A run that is resumed keeps its data and its name."),
            phrase("Leave DATASET, --dev and --name out, or start a new run without --resume."),
            ExitCode.BAD_INPUT,
        )
    reports = [] if request.resume else training.check_here(request)
    if only:
        output.show({"data": [one.as_dict() for one in reports]}, *map(training_words.render_report, reports))
    else:
        for report in reports:
            output.say(str(training_words.render_report(report)))
    return reports


def _expect(here: Session, channel: Channel, request: TrainRequest, *, yes: bool) -> Estimate:
    """Say what the training takes and costs, and ask where it is much. Raises OperateError for a no."""
    from operate.estimate import ASK_ABOVE_CNY, estimate, hourly_price, options_of

    recorded: dict[str, Any] = {}
    done = 0
    if request.resume is not None:
        told = channel.ask("progress", {"run": request.resume})
        recorded, done = told.get("options") or {}, told.get("newestCheckpoint") or 0
    hourly, reason = hourly_price(here.cloud, here.stack)
    options = options_of(recorded, request.options)
    expected = estimate(options, done, here.stack.settings, hourly, reason)
    here.output.say(expected.words())
    if expected.cost is not None and expected.cost > ASK_ABOVE_CNY and not yes:
        confirm(phrase("Train for about {cost} CNY?", cost=expected.cost))
    return expected


def _end_words(ended: dict[str, Any]) -> str:
    words = phrase(
        "Run {run} {state}; newest checkpoint {newest}.",
        run=ended["run"],
        state=phrase(ended["state"]),
        newest=ended["newestCheckpoint"],
    )
    if ended.get("bestCheckpoint") not in (None, ended["newestCheckpoint"]):
        words += phrase(
            " On held-out rows checkpoint {best} is the best: deploy takes it.",
            best=ended["bestCheckpoint"],
        )
    return words + (f" {heard(ended, 'reason')}" if ended.get("reason") and ended["state"] == "finished" else "")


def _start_words(started: dict[str, Any]) -> str:
    words = phrase("Run {run} started", run=started["run"])
    if started.get("resumedFrom"):
        words += phrase(" from checkpoint {step}", step=started["resumedFrom"])
    if started.get("setAside"):
        words += phrase("; half-written and set aside: {what}", what=", ".join(started["setAside"]))
    if started.get("heldOutRows"):
        words += phrase("; {count} rows are held out", count=started["heldOutRows"])
    if started.get("memory"):
        words += phrase("; ") + heard(started, "memory")
    return words + (phrase(" (rehearsal: no model is trained).") if started.get("rehearsal") else phrase("."))


@tuning.command()
def runs(stack: StackName = None, as_json: AsJson = False) -> None:
    """The runs on the machine, and what the demo serves.

    Example: chatglm runs
    """
    from operate import training_words

    with session(stack, as_json) as here:
        answer = here.channel().ask("runs")
        here.output.show(answer, training_words.render_runs(answer))


@tuning.command()
def stop(stack: StackName = None, as_json: AsJson = False) -> None:
    """Stop the running training or evaluation in order: a training saves a checkpoint first.

    Example: chatglm stop
    """
    with session(stack, as_json) as here:
        answer = here.channel().ask("stop-training", seconds=300)
        stopped = answer.get("stopped")
        here.output.show(
            answer,
            phrase(
                "Run {run} stopped; newest checkpoint {newest}.",
                run=stopped,
                newest=answer.get("newestCheckpoint"),
            )
            if stopped
            else phrase("Nothing runs."),
        )


@tuning.command()
def evaluate(
    run: RunName,
    stack: StackName = None,
    as_json: AsJson = False,
    checkpoint: Step = None,
    samples: Annotated[int | None, typer.Option("--samples", min=1, help="Only so many rows; all take hours.")] = None,
    folder: Folder = RUNS,
) -> None:
    """ROUGE and BLEU on the dev set, and the predictions.

    Example: chatglm evaluate my-run --samples 50
    """
    from operate import training, training_words

    with session(stack, as_json) as here:
        outcome = training.evaluate(here.channel(), run, folder, here.output, checkpoint=checkpoint, samples=samples)
        here.output.show(outcome, training_words.render_scores(outcome))


@tuning.command()
def compare(
    run: RunName,
    stack: StackName = None,
    as_json: AsJson = False,
    checkpoint: Step = None,
    question: Annotated[
        list[str] | None, typer.Option("--question", help="Ask this, may be repeated; else ten rows of the data.")
    ] = None,
) -> None:
    """The base model's and the tuned one's answers to the same questions, side by side.

    Example: chatglm compare my-run
    """
    from operate import training, training_words

    with session(stack, as_json) as here:
        told = training.compare(here.channel(), run, here.output, checkpoint=checkpoint, questions=question)
        here.output.show(told, training_words.render_comparison(told))


@tuning.command()
def deploy(
    run: Annotated[str, typer.Argument(metavar="RUN|base", help="A run, or base for the model as published.")],
    stack: StackName = None,
    as_json: AsJson = False,
    checkpoint: Step = None,
) -> None:
    """Let the demo serve a fine-tuned model, or the base model again; waits until it answers.

    Example: chatglm deploy my-run
    """
    from operate import training

    with session(stack, as_json) as here:
        with here.output.progress.status(phrase("Loading {run} ...", run=run)):
            answer = training.deploy(here.channel(), run, checkpoint)
        here.output.show(
            answer,
            phrase(
                "The demo serves {serving}: {demo_url}",
                serving=answer["serving"],
                demo_url=here.stack.outputs.get("demoUrl", ""),
            ),
        )


@tuning.command()
def fetch(
    run: RunName, stack: StackName = None, as_json: AsJson = False, checkpoint: Step = None, folder: Folder = RUNS
) -> None:
    """Fetch a run (checkpoint, options, metrics, data) to this computer.

    Example: chatglm fetch my-run
    """
    from operate import training

    with session(stack, as_json) as here:
        fetched = training.fetch(here.channel(), run, folder, here.output, checkpoint=checkpoint)
        here.output.show(
            fetched,
            phrase(
                "Fetched {file}: checkpoint {step}, {bytes}",
                file=fetched["file"],
                step=fetched["step"],
                bytes=human_bytes(fetched["bytes"]),
            ),
        )


@tuning.command()
def push(run: RunName, stack: StackName = None, as_json: AsJson = False, folder: Folder = RUNS) -> None:
    """Bring a fetched run back to the machine; what is there stays.

    Example: chatglm push my-run
    """
    from operate import training

    with session(stack, as_json) as here:
        answer = training.push(here.channel(), run, folder, here.output)
        here.output.show(
            answer,
            phrase(
                "Run {run} is on the machine. Go on with it: chatglm train --resume {name}",
                run=answer["run"],
                name=run,
            ),
        )
