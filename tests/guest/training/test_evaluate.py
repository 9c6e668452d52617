"""Published figures stand beside the scores only where they compare."""

from __future__ import annotations

from pathlib import Path

from guest.files import write_json
from guest.training import runs
from guest.training.evaluate import PUBLISHED, Evaluation, list_evaluations
from guest.training.options import read_options
from guest.training.runs import DataFile, Record, create_run


def evaluation(folder: Path, *, advertisegen: bool) -> Evaluation:
    dev = DataFile("dev.json", "b" * 64, 1070, advertisegen=advertisegen)
    run = create_run(folder, Record("first", read_options({}), DataFile("train.json", "a" * 64, 8), dev))
    one = Evaluation(run, "checkpoint-100")
    write_json(one.result, {"state": runs.FINISHED, "reason": "", "hint": ""})
    write_json(one.metrics, {"predict_rouge-1": 30.5, "predict_bleu-4": 7.9, "predict_samples": 50})
    return one


def test_advertisegen_has_the_published_scores_beside_it(tmp_path: Path) -> None:
    outcome = evaluation(tmp_path, advertisegen=True).outcome(alive=False)
    assert outcome["scores"] == {"rouge-1": 30.5, "rouge-2": None, "rouge-l": None, "bleu-4": 7.9}
    assert outcome["published"] == PUBLISHED
    assert "lengths 64/64" in outcome["publishedNote"]


def test_other_data_has_not(tmp_path: Path) -> None:
    outcome = evaluation(tmp_path, advertisegen=False).outcome(alive=False)
    assert (outcome["published"], outcome["publishedNote"]) == (None, None)


def test_an_evaluation_whose_process_is_gone_is_interrupted(tmp_path: Path) -> None:
    one = evaluation(tmp_path, advertisegen=False)
    write_json(one.result, {"state": runs.RUNNING, "reason": "", "hint": ""})
    assert one.outcome(alive=True)["state"] == runs.RUNNING
    assert one.outcome(alive=False)["state"] == runs.INTERRUPTED


def test_evaluations_are_listed_by_step(tmp_path: Path) -> None:
    run = evaluation(tmp_path, advertisegen=False).run
    write_json(Evaluation(run, "checkpoint-50").result, {"state": runs.FINISHED, "reason": "", "hint": ""})
    assert [one.checkpoint for one in list_evaluations(run)] == ["checkpoint-50", "checkpoint-100"]
