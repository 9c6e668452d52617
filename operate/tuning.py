"""The commands for fine-tuning. Each is thin: check, ask the machine, render."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from guest.training.dataset import Report
from operate import training
from operate.failures import ExitCode, OperateError
from operate.output import Output, human_bytes
from operate.session import session, telling

tuning = typer.Typer()

StackName = Annotated[
    str | None,
    typer.Option(
        "--stack", envvar="CHATGLM_STACK", help="The stack; else the selected one, else the rehearsal (local). 栈"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document for scripts. 输出 JSON")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="The run's name; chatglm runs lists them. 训练名")]
Folder = Annotated[Path, typer.Option("--folder", help="Where fetched runs lie on this computer.")]
Step = Annotated[int | None, typer.Option("--checkpoint", min=1, help="The step; else the newest complete one.")]
RUNS = Path("runs")


def _option(text: str, **more: Any) -> Any:
    return typer.Option(help=text, show_default=False, **more)


@tuning.command()
def train(
    dataset: Annotated[
        Path | None, typer.Argument(metavar="DATASET", help="JSON lines or one JSON array, UTF-8. 数据集")
    ] = None,
    stack: StackName = None,
    as_json: AsJson = False,
    dev: Annotated[Path | None, typer.Option("--dev", help="Data set for chatglm evaluate. 验证集")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The run's name; else made from the file and the time.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on from its newest checkpoint. 续训")
    ] = None,
    keep_local: Annotated[
        bool, typer.Option("--keep-local", help="Fetch each new checkpoint by itself. 自动取回")
    ] = False,
    folder: Folder = RUNS,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it has started. 后台运行")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only check the data here; no machine is needed. 只检查数据")
    ] = False,
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
) -> None:
    """Fine-tune on the machine: check, send, start, show progress; Ctrl-C leaves it running. 微调

    Example: chatglm train train.json --dev dev.json --keep-local
    """
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
    }
    options = {key: value for key, value in given.items() if value is not None}
    request = training.TrainRequest(dataset, dev, name, resume, options)
    with telling(Output(as_json)):
        reports = _check(request, Output(as_json), only=check)
    if check:
        return
    with session(stack, as_json) as here:
        if resume is None:
            defaults = {"pre_seq_len": here.stack.settings.pre_seq_len}
            request = replace(request, options={**defaults, **options})
        channel = here.channel()
        started = training.start(channel, request, here.output)
        run = str(started["run"])
        here.output.say(_start_words(started))
        document: dict[str, Any] = {"started": started, "data": [one.as_dict() for one in reports]}
        if not detach:
            keeper = training.Keeper(channel, run, folder, here.output) if keep_local else None
            try:
                ended = training.follow(channel, run, here.output, keeper=keeper)
            except KeyboardInterrupt:
                here.output.say(
                    f"Run {run} goes on. Look in: chatglm watch, chatglm logs train -f. End it: chatglm stop."
                )
                raise typer.Exit(ExitCode.INTERRUPTED) from None
            training.conclude(ended)
            document["ended"] = ended
            here.output.say(f"Run {run} {ended['state']}; newest checkpoint {ended['newestCheckpoint']}.")
            if keeper is not None:
                document["kept"] = keeper.kept
        here.output.show(document, f"Next: chatglm evaluate {run}, chatglm deploy {run}, chatglm fetch {run}")


def _check(request: training.TrainRequest, output: Output, *, only: bool) -> list[Report]:
    if request.dataset is None and request.resume is None:
        raise OperateError(
            "train needs a data set, or --resume RUN.", "Example: chatglm train train.json", ExitCode.BAD_INPUT
        )
    if request.resume is not None and (request.dataset or request.dev or request.name):
        raise OperateError(
            "A run that is resumed keeps its data and its name.",
            "Leave DATASET, --dev and --name out, or start a new run without --resume.",
            ExitCode.BAD_INPUT,
        )
    reports = [] if request.resume else training.check_here(request)
    if only:
        output.show({"data": [one.as_dict() for one in reports]}, *map(training.render_report, reports))
    else:
        for report in reports:
            output.say(str(training.render_report(report)))
    return reports


def _start_words(started: dict[str, Any]) -> str:
    words = f"Run {started['run']} started"
    if started.get("resumedFrom"):
        words += f" from checkpoint {started['resumedFrom']}"
    if started.get("setAside"):
        words += f"; half-written and set aside: {', '.join(started['setAside'])}"
    return words + (" (rehearsal: no model is trained)." if started.get("rehearsal") else ".")


@tuning.command()
def runs(stack: StackName = None, as_json: AsJson = False) -> None:
    """The runs on the machine, and what the demo serves. 列出训练

    Example: chatglm runs
    """
    with session(stack, as_json) as here:
        answer = here.channel().ask("runs")
        here.output.show(answer, training.render_runs(answer))


@tuning.command()
def stop(stack: StackName = None, as_json: AsJson = False) -> None:
    """Stop the running training or evaluation in order: a training saves a checkpoint first. 停止训练

    Example: chatglm stop
    """
    with session(stack, as_json) as here:
        answer = here.channel().ask("stop-training", seconds=300)
        stopped = answer.get("stopped")
        here.output.show(
            answer,
            f"Run {stopped} stopped; newest checkpoint {answer.get('newestCheckpoint')}."
            if stopped
            else "Nothing runs.",
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
    """ROUGE and BLEU on the dev set, and the predictions. 评估

    Example: chatglm evaluate my-run --samples 50
    """
    with session(stack, as_json) as here:
        outcome = training.evaluate(here.channel(), run, folder, here.output, checkpoint=checkpoint, samples=samples)
        here.output.show(outcome, training.render_scores(outcome))


@tuning.command()
def deploy(
    run: Annotated[str, typer.Argument(metavar="RUN|base", help="A run, or base for the model as published.")],
    stack: StackName = None,
    as_json: AsJson = False,
    checkpoint: Step = None,
) -> None:
    """Let the demo serve a fine-tuned model, or the base model again; waits until it answers. 部署

    Example: chatglm deploy my-run
    """
    with session(stack, as_json) as here:
        with here.output.progress.status(f"Loading {run} ..."):
            answer = training.deploy(here.channel(), run, checkpoint)
        here.output.show(answer, f"The demo serves {answer['serving']}: {here.stack.outputs.get('demoUrl', '')}")


@tuning.command()
def fetch(
    run: RunName, stack: StackName = None, as_json: AsJson = False, checkpoint: Step = None, folder: Folder = RUNS
) -> None:
    """Fetch a run (checkpoint, options, metrics, data) to this computer. 取回训练

    Example: chatglm fetch my-run
    """
    with session(stack, as_json) as here:
        fetched = training.fetch(here.channel(), run, folder, here.output, checkpoint=checkpoint)
        here.output.show(
            fetched, f"Fetched {fetched['file']}: checkpoint {fetched['step']}, {human_bytes(fetched['bytes'])}"
        )


@tuning.command()
def push(run: RunName, stack: StackName = None, as_json: AsJson = False, folder: Folder = RUNS) -> None:
    """Bring a fetched run back to the machine; what is there stays. 送回训练

    Example: chatglm push my-run
    """
    with session(stack, as_json) as here:
        answer = training.push(here.channel(), run, folder, here.output)
        here.output.show(answer, f"Run {answer['run']} is on the machine. Go on with it: chatglm train --resume {run}")
