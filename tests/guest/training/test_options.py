"""The options of a run: defaults, rules, and the file that upstream reads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guest.errors import GuestError
from guest.rehearsal.arguments import Arguments, ModelArguments
from guest.training.options import (
    TrainOptions,
    change_options,
    model_path,
    predict_arguments,
    read_options,
    serve_arguments,
    train_arguments,
    write_arguments,
)

from .upstream_options import DATA, MODEL, TRAINER

RUN = PureWindowsPath(r"C:\chatglm\runs\first")
MODEL_FOLDER = PureWindowsPath(r"C:\chatglm-6b")
CHECKPOINT = RUN / "output" / "checkpoint-50"


def everything() -> TrainOptions:
    return TrainOptions(quantization_bit=4, history_column="history")


def training(options: TrainOptions | None = None, resume_from: PureWindowsPath | None = None) -> dict[str, Any]:
    return train_arguments(
        options or everything(),
        model=MODEL_FOLDER,
        train_file=RUN / "data" / "train.json",
        output=RUN / "output",
        resume_from=resume_from,
    )


def prediction(samples: int | None = None) -> dict[str, Any]:
    return predict_arguments(
        everything(),
        model=MODEL_FOLDER,
        test_file=RUN / "data" / "dev.json",
        output=RUN / "evaluation" / "checkpoint-50",
        checkpoint=CHECKPOINT,
        samples=samples,
    )


def test_the_defaults_are_the_recipe_s() -> None:
    recipe = {
        "pre_seq_len": 128,
        "learning_rate": 2e-2,
        "max_source_length": 128,
        "max_target_length": 128,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "max_steps": 3000,
        "logging_steps": 10,
        "quantization_bit": None,
        "prompt_column": "content",
        "response_column": "summary",
        "history_column": None,
    }
    assert recipe.items() <= read_options({}).as_dict().items()


def test_every_mistake_is_named_at_once_with_its_rule() -> None:
    with pytest.raises(GuestError) as caught:
        read_options(
            {
                "pre_seq_length": 128,
                "max_steps": "3000",
                "learning_rate": float("nan"),
                "quantization_bit": 5,
                "save_total_limit": 1,
                "prefix_projection": 1,
                "seed": True,
                "response_column": "content",
            }
        )
    assert caught.value.message.splitlines()[1:] == [
        "  pre_seq_length: there is no such option; did you mean pre_seq_len?",
        '  max_steps: "3000" is not allowed; it must be a whole number from 1 to 10000000',
        "  learning_rate: NaN is not allowed; it must be a number above 0 and up to 1",
        "  quantization_bit: 5 is not allowed; it must be 4, 8 or null",
        "  save_total_limit: 1 is not allowed; it must be a whole number from 2 to 1000",
        "  prefix_projection: 1 is not allowed; it must be true or false",
        "  seed: true is not allowed; it must be a whole number from 0 to 4294967295",
        "  prompt_column, response_column and history_column must be different columns",
    ]


@pytest.mark.parametrize(
    ("given_options", "message"),
    [
        ({"max_source_length": 2000, "max_target_length": 100}, "more than the model's 2048 tokens"),
        ({"patience": 3}, "patience: nothing is measured to be patient about; give hold_out too"),
    ],
)
def test_options_are_also_held_against_one_another(given_options: dict[str, Any], message: str) -> None:
    with pytest.raises(GuestError, match=message):
        read_options(given_options)


def test_a_resumed_run_changes_only_what_its_checkpoints_allow() -> None:
    recorded = read_options({})
    assert change_options(recorded, {"max_steps": 5000, "pre_seq_len": 128}).max_steps == 5000
    with pytest.raises(GuestError, match=r"learning_rate: the run has 0.02 and cannot change to 0.01"):
        change_options(recorded, {"learning_rate": 0.01, "max_steps": 5000})


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "pre_seq_len": st.integers(1, 1024),
            "learning_rate": st.floats(1e-9, 1, allow_nan=False) | st.just(1),
            "max_source_length": st.integers(2, 1024),
            "max_target_length": st.integers(3, 1024),
            "max_steps": st.integers(50, 10_000_000),
            "quantization_bit": st.sampled_from([None, 4, 8]),
            "prompt_column": st.text(min_size=1).filter(lambda name: name.strip() and name not in ("summary", "h")),
            "history_column": st.sampled_from([None, "h"]),
        },
    )
)
def test_options_survive_the_way_through_a_json_file(given_options: dict[str, Any]) -> None:
    options = read_options(given_options)
    assert given_options.items() <= options.as_dict().items()
    assert read_options(json.loads(json.dumps(options.as_dict()))) == options


def test_the_file_for_upstream_is_ascii_without_a_mark_and_with_backslashes(tmp_path: Path) -> None:
    path = tmp_path / "options.json"
    write_arguments(path, training(TrainOptions(prompt_column="内容"), resume_from=CHECKPOINT))
    content = path.read_bytes()
    assert content.isascii()
    assert content.startswith(b"{")
    assert rb'"output_dir": "C:\\chatglm\\runs\\first\\output"' in content
    read = json.loads(content)
    assert read["model_name_or_path"] == r"C:\chatglm-6b"
    assert read["resume_from_checkpoint"] == r"C:\chatglm\runs\first\output\checkpoint-50"
    assert read["prompt_column"] == "内容"


@pytest.mark.parametrize("path", ["C:/chatglm-6b", "C:\\chatglm-6b\\", "C:\\\\chatglm-6b"])
def test_the_model_s_path_always_gets_the_one_form_that_imports(path: str) -> None:
    assert model_path(PureWindowsPath(path)) == "C:\\chatglm-6b"


@pytest.mark.parametrize("path", [r"C:\chatglm-v1.1", "chatglm-6b", "C:\\"])
def test_a_model_s_path_that_transformers_cannot_import_is_refused(path: str) -> None:
    with pytest.raises(GuestError, match="model's folder"):
        model_path(PureWindowsPath(path))


def test_training_evaluation_and_serving_share_one_prefix_length() -> None:
    served = serve_arguments(everything(), model=MODEL_FOLDER, checkpoint=CHECKPOINT)
    assert {training()["pre_seq_len"], prediction()["pre_seq_len"], served["pre_seq_len"]} == {128}
    assert prediction()["ptuning_checkpoint"] == served["ptuning_checkpoint"] == str(CHECKPOINT)


def test_the_nan_filter_is_off_since_it_would_log_nan_as_zero() -> None:
    assert training()["logging_nan_inf_filter"] is False


def test_samples_are_limited_only_when_asked() -> None:
    assert "max_predict_samples" not in prediction()
    assert prediction(50)["max_predict_samples"] == 50


def test_upstream_knows_every_option_that_is_written() -> None:
    served = serve_arguments(everything(), model=MODEL_FOLDER, checkpoint=CHECKPOINT)
    # The demo's parser knows the model's arguments only and refuses the rest.
    assert served.keys() <= MODEL
    assert training(resume_from=CHECKPOINT).keys() <= MODEL | DATA | TRAINER
    assert prediction(50).keys() <= MODEL | DATA | TRAINER


def test_the_rehearsal_s_options_are_upstream_s_and_cover_what_is_written() -> None:
    model = {field.name for field in dataclasses.fields(ModelArguments)}
    every = {field.name for field in dataclasses.fields(Arguments)}
    assert model <= MODEL
    assert every <= MODEL | DATA | TRAINER
    assert every >= training(resume_from=CHECKPOINT).keys() | prediction(50).keys()
