"""Records what upstream's own fine-tuning does with a tiny model, for tests that run without its code.

    python -m tools.record_tuning SOURCE MODEL

SOURCE is a clone of THUDM/ChatGLM-6B, MODEL a folder with the model's code of v1.1.0 (no weights). Needs Python 3.10
with the machine's lock (torch 2.0.1, transformers 4.27.1, datasets); everything runs on the CPU in fp32.
Writes `tests/guest/training/upstream.json` and keeps the figure `eval_speedup` in `bench/results/`.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import runpy
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from guest.engine.quantise import upstream_integers
from guest.loading import after_loading

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "tests" / "guest" / "training" / "upstream.json"
KEPT = ROOT / "bench" / "results" / "upstream_tuning.json"
CODE = ("configuration_chatglm.py", "modeling_chatglm.py", "quantization.py", "tokenization_chatglm.py")
LETTERS = "类型裤版宽松裙好看子的很你问答吗请有什么可以帮您再来行hello, 0123456789#*：\n"
COLUMNS = {"prompt_column": "content", "response_column": "summary"}
LENGTHS = {"max_source_length": 96, "max_target_length": 24}
TURNS = [["你好", "你好，请问有什么可以帮您？"], ["裤子", "好看的裤子"]]
SEED, STEPS = 42, 6


def rows() -> list[dict[str, Any]]:
    """Samples without history, with an empty and with a longer one."""
    chance = random.Random(7)  # noqa: S311
    made = []
    for number in range(16):
        question = "".join(chance.choice(LETTERS) for _ in range(4 + number)).strip() or "?"
        answer = "".join(chance.choice(LETTERS) for _ in range(3 + 2 * number)).strip() or "!"
        made.append({"content": question, "summary": answer, "history": TURNS[: number % 3]})
    return made


def make_model(code: Path, folder: Path) -> None:
    """A model of two layers with random numbers, and a tokenizer of some hundred pieces."""
    import sentencepiece  # type: ignore[import-not-found, unused-ignore]
    import torch  # type: ignore[import-not-found, unused-ignore]
    from transformers import AutoConfig, AutoModel  # type: ignore[import-not-found, unused-ignore]

    folder.mkdir()
    for name in (*CODE, "tokenizer_config.json"):
        shutil.copy(code / name, folder)
    chance = random.Random(3)  # noqa: S311
    corpus = folder.parent / "corpus.txt"
    lines = ["".join(chance.choice(LETTERS.strip()) for _ in range(40)) for _ in range(300)]
    corpus.write_text("\n".join(lines), encoding="utf-8")
    specials = ["<n>", "<|tab|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>"]
    specials += [f"<|blank_{length}|>" for length in range(2, 81)]
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder.parent / "ice"), vocab_size=480, model_type="unigram",
        byte_fallback=True, hard_vocab_limit=False, minloglevel=2, add_dummy_prefix=False,
        unk_id=0, bos_id=1, eos_id=2, pad_id=3, pad_piece="<pad>", user_defined_symbols=specials,
    )  # fmt: skip
    shutil.copy(folder.parent / "ice.model", folder / "ice_text.model")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "ice_text.model"))
    config = json.loads((code / "config.json").read_text(encoding="utf-8"))
    config |= {"hidden_size": 64, "inner_hidden_size": 128, "num_attention_heads": 4, "num_layers": 2}
    config |= {"vocab_size": pieces.get_piece_size(), "pad_token_id": 3}
    named = {"bos": "<sop>", "eos": "<eop>", "mask": "[MASK]", "gmask": "[gMASK]"}
    config |= {f"{name}_token_id": pieces.piece_to_id(piece) for name, piece in named.items()}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.from_pretrained(folder, trust_remote_code=True), trust_remote_code=True)
    for name, parameter in model.float().named_parameters():
        torch.nn.init.ones_(parameter) if "layernorm.weight" in name else torch.nn.init.normal_(parameter, std=0.05)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def on_the_cpu() -> None:
    """Let upstream's programs run where there is no card, and the same each time; nothing else about them changes."""
    import torch

    torch.nn.Module.half = lambda self: self.float()
    torch.nn.Module.cuda = lambda self, *_, **__: self
    torch.cuda.current_device = lambda: "cpu"
    own_baddbmm = torch.baddbmm

    def baddbmm(added: Any, one: Any, other: Any, *, beta: float = 1, alpha: float = 1) -> Any:
        # torch 2.0.1 on a CPU multiplies memory that nobody wrote by a beta of zero: now and then that is no number.
        return own_baddbmm(added, one, other, beta=beta, alpha=alpha) if beta else alpha * torch.bmm(one, other)

    torch.baddbmm = baddbmm
    torch.set_num_threads(1)
    after_loading(pack_on_the_cpu)


def pack_on_the_cpu(model: Any) -> None:
    """Let the model's quantisation pack and unpack where there is no card: its own code for both runs on one only."""
    import torch

    code: Any = importlib.import_module(type(model).__module__.rpartition(".")[0] + ".quantization")

    def compress(weight: Any) -> Any:
        wide = weight.to(torch.int16)
        return ((wide[:, 0::2] << 4) | (wide[:, 1::2] & 15)).to(torch.int8)

    def extract(stored: Any, scales: Any, bits: int) -> Any:
        integers = upstream_integers(stored) if bits == 4 else stored
        return integers.float() * scales.float()[:, None]

    own_quantize = model.quantize

    def quantize(bits: int) -> Any:
        # torch rounds no 16 bits on the CPU.
        model.float()
        return own_quantize(bits)

    code.compress_int4_weight, code.extract_weight_to_half, model.quantize = compress, extract, quantize


def child(arguments: list[str]) -> None:
    """`upstream MAIN OPTIONS`, `launched MAIN OPTIONS LAUNCH`, `dataset MAIN OPTIONS OUT`, or `chat MODEL OUT`."""
    on_the_cpu()
    role, rest = arguments[0], arguments[1:]
    if role == "launched":
        from guest.training import launch

        launch.main(rest)
        return
    if role == "chat":
        Path(rest[1]).write_text(json.dumps(chat(Path(rest[0]))), encoding="ascii")
        return
    program = Path(rest[0])
    sys.path[0], sys.argv = str(program.parent), [str(program), rest[1]]
    if role == "dataset":
        capture(Path(rest[2]))
    runpy.run_path(str(program), run_name="__main__")


def capture(out: Path) -> None:
    """Write what main.py hands to the trainer, and end there."""
    trainer: Any = importlib.import_module("trainer_seq2seq")

    def take(*_: Any, **given: Any) -> None:
        told = given["train_dataset"] if given["train_dataset"] is not None else given["eval_dataset"]
        out.write_text(json.dumps([dict(row) for row in told]), encoding="ascii")
        raise SystemExit(0)

    trainer.Seq2SeqTrainer = take


def chat(folder: Path) -> dict[str, Any]:
    """The prompts that `chat` makes of conversations, and a chat of 200 turns on a card that holds 60 tokens."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    from guest.serving.chat import limit_chat

    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model = AutoModel.from_pretrained(folder, trust_remote_code=True).float().eval()
    prompts: list[str] = []
    own_call = type(tokenizer).__call__

    def heard(self: Any, texts: Any, **more: Any) -> Any:
        prompts.append(texts[0])
        return own_call(self, texts, **more)

    type(tokenizer).__call__ = heard
    torch.manual_seed(1)
    for row in rows():
        model.chat(tokenizer, row["content"], history=[tuple(turn) for turn in row["history"]], max_length=8)
    type(tokenizer).__call__ = own_call

    own_generate = model.stream_generate

    def on_a_small_card(*, input_ids: Any, **more: Any) -> Any:
        if input_ids.shape[1] > 60:
            raise RuntimeError("CUDA out of memory. [simulated]")
        yield from own_generate(input_ids=input_ids, **more)

    model.stream_generate = on_a_small_card
    limit_chat(model, 80)
    history: list[Any] = []
    left_out = 0
    for turn in range(200):
        shown, history = list(model.stream_chat(tokenizer, f"问 {turn}", history, max_length=4096, top_p=0.7))[-1]
        left_out += "were left out" in shown
    return {"prompts": prompts, "long_chat": {"turns": 200, "answers_with_turns_left_out": left_out}}


class Recorder:
    """Runs upstream's main.py in processes of its own, with options files below a temporary folder."""

    def __init__(self, source: Path, folder: Path) -> None:
        self._main, self._folder = str(source / "ptuning" / "main.py"), folder
        self._common = {
            "model_name_or_path": str(folder / "tiny"), "overwrite_cache": True, "overwrite_output_dir": True,
            "seed": SEED, "report_to": ["none"], "pre_seq_len": 4, **COLUMNS, **LENGTHS,
        }  # fmt: skip
        self._training = {
            "do_train": True, "per_device_train_batch_size": 1, "gradient_accumulation_steps": 2,
            "learning_rate": 0.5, "logging_steps": 1, "logging_first_step": True, "save_total_limit": 9,
        }  # fmt: skip

    def run(self, role: str, name: str, options: dict[str, Any], *more: str) -> str:
        """The log of one run."""
        file = self._folder / f"{name}.json"
        file.write_text(
            json.dumps({**self._common, **options, "output_dir": str(self._folder / name)}), encoding="ascii"
        )
        command = [sys.executable, "-m", "tools.record_tuning", role, self._main, str(file), *more]
        environment = {**os.environ, "HF_HOME": str(self._folder / "hf"), "TRANSFORMERS_OFFLINE": "1"}
        environment |= {"HF_DATASETS_CACHE": str(self._folder / "cache"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-3000:])
        return done.stdout + done.stderr

    def rows(self, name: str, given: list[dict[str, Any]]) -> str:
        path = self._folder / f"{name}-rows.json"
        path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="ascii")
        return str(path)

    def dataset(self, name: str, file: str, *, training: bool, **more: Any) -> list[dict[str, Any]]:
        """Tokens and labels that main.py makes of a file."""
        out = self._folder / f"{name}-tokens.json"
        mode = {"do_train": True, "train_file": file, "max_steps": 1} if training else {}
        if not training:
            mode = {"do_eval": True, "validation_file": file}
        self.run("dataset", name, {**mode, **more}, str(out))
        found: list[dict[str, Any]] = json.loads(out.read_text(encoding="ascii"))
        return found

    def train(self, name: str, file: str, launch: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        """Losses, metrics, steps of the checkpoints and files of one of them."""
        options = {**self._training, "train_file": file, "max_steps": STEPS, "save_steps": 4, **more}
        if launch is None:
            log = self.run("upstream", name, options)
        else:
            log = self.run("launched", name, options, self._launch(name, launch))
        output = self._folder / name
        state = json.loads((output / "trainer_state.json").read_text(encoding="utf-8"))
        folders = sorted(output.glob("checkpoint-*"))
        return {
            "losses": [[entry["step"], entry["loss"]] for entry in state["log_history"] if "loss" in entry],
            "train_loss": json.loads((output / "train_results.json").read_text(encoding="utf-8"))["train_loss"],
            "checkpoints": sorted(int(folder.name.rpartition("-")[2]) for folder in folders),
            "files": sorted(file.name for file in folders[0].iterdir()),
            "untitled_bars": log.count("| 1/1 ["),
            "trainer_lines": sum(line in log for line in ("Running training", "Saving model checkpoint")),
        }

    def _launch(self, name: str, given: dict[str, Any]) -> str:
        file = self._folder / f"{name}-launch.json"
        paths = {key: str(self._folder / f"{name}-{key}") for key in ("events", "save", "stop")}
        file.write_text(json.dumps({**paths, "seed": SEED, **given}), encoding="ascii")
        return str(file)

    def predict(self, name: str, file: str, checkpoint: Path, size: int) -> dict[str, Any]:
        options = {
            "do_predict": True, "test_file": file, "ptuning_checkpoint": str(checkpoint), "predict_with_generate": True,
            "per_device_eval_batch_size": size,
        }  # fmt: skip
        self.run("launched", name, options, self._launch(name, {"predicting": True}))
        output = self._folder / name
        lines = (output / "generated_predictions.txt").read_text(encoding="utf-8").splitlines()
        results = json.loads((output / "predict_results.json").read_text(encoding="utf-8"))
        return {"predictions": [json.loads(line) for line in lines], "seconds": results["predict_runtime"]}


def record(source: Path, code: Path) -> tuple[dict[str, Any], float]:
    """All that is recorded, and how much faster batches of eight are than batches of one."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ["HF_HOME"] = str(folder / "hf")
        make_model(code, folder / "tiny")
        recorder = Recorder(source, folder)
        told: dict[str, Any] = {"date": date.today().isoformat(), "source_commit": _commit(source), "rows": rows()}
        subprocess.run(
            [sys.executable, "-m", "tools.record_tuning", "chat", str(folder / "tiny"), str(folder / "chat.json")],
            cwd=ROOT, check=True, capture_output=True,
        )  # fmt: skip
        told["chat"] = json.loads((folder / "chat.json").read_text(encoding="ascii"))
        clean = [
            {"content": prompt, "summary": row["summary"]}
            for prompt, row in zip(told["chat"]["prompts"], rows(), strict=True)
        ]
        raw, finished = recorder.rows("raw", rows()), recorder.rows("clean", clean)
        history = {"history_column": "history"}
        told["tokens"] = {
            "training_with_history_column": recorder.dataset("a", raw, training=True, **history),
            "training_on_finished_prompts": recorder.dataset("b", finished, training=True),
            "evaluation_on_finished_prompts": recorder.dataset("c", finished, training=False),
        }
        told["pieces"] = _pieces(folder / "tiny", clean)
        plain = recorder.train("plain", finished)
        told["plain"] = plain
        before = str(folder / "plain" / "checkpoint-4")
        told["resumed"] = recorder.train("resumed", finished, resume_from_checkpoint=before, max_steps=2 * STEPS)
        held = {"hold_out": finished, "hold_out_memory": str(folder / "held.json")}
        told["launched"] = recorder.train("launched", finished, {"checkpointing": False, **held})
        told["held_out"] = json.loads((folder / "held.json").read_text(encoding="ascii"))
        told["held_out_by_trainer"] = _loss_of(folder, told["tokens"]["training_on_finished_prompts"])
        told["int4"] = recorder.train("int4", finished, quantization_bit=4)
        thrift = {"checkpointing": False, "weight_gradients": False}
        told["int4_launched"] = recorder.train("int4-launched", finished, thrift, quantization_bit=4)
        checkpoint = folder / "launched" / f"checkpoint-{STEPS}"
        one = recorder.predict("one", finished, checkpoint, 1)
        eight = recorder.predict("eight", finished, checkpoint, 8)
        told["predicted"] = {"1": one["predictions"], "8": eight["predictions"]}
        told["lengths"] = LENGTHS
        pad = 3
        told["tokens"] = {name: [_unpadded(row, pad) for row in found] for name, found in told["tokens"].items()}
        return told, float(one["seconds"] / eight["seconds"])


def _unpadded(row: dict[str, Any], pad: int) -> dict[str, Any]:
    """Tokens and labels without the padding before or behind them, and how long they were with it."""
    tokens: list[int] = row["input_ids"]
    labels = [label for label, token in zip(row["labels"], tokens, strict=False) if token != pad]
    return {"input_ids": [token for token in tokens if token != pad], "labels": labels, "padded": len(tokens)}


def _pieces(model: Path, clean: list[dict[str, Any]]) -> dict[str, Any]:
    """The tokens of every text, and the tokens that stand between prompt and answer."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=True)
    texts = {text for row in clean for text in row.values()}
    encoded = {text: tokenizer.encode(text=text, add_special_tokens=False) for text in sorted(texts)}
    ids = {name: getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "gmask")}
    return {"texts": encoded, **ids}


def _loss_of(folder: Path, dataset: list[dict[str, Any]]) -> float:
    """The mean loss of the launched run's last prefix over the rows as the trainer feeds them, padding and all."""
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder / "tiny", trust_remote_code=True)
    config.pre_seq_len = 4
    model = AutoModel.from_pretrained(folder / "tiny", config=config, trust_remote_code=True).float().eval()
    saved = torch.load(folder / "launched" / f"checkpoint-{STEPS}" / "pytorch_model.bin")
    model.load_state_dict(saved, strict=False)
    with torch.no_grad():
        losses = [
            model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss.item()
            for row in dataset
        ]
    return round(float(sum(losses)) / len(losses), 6)


def _commit(source: Path) -> str:
    done = subprocess.run(["git", "-C", str(source), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main(arguments: list[str]) -> None:
    if arguments[0] in ("upstream", "launched", "dataset", "chat"):
        child(arguments)
        return
    told, speedup = record(Path(arguments[0]), Path(arguments[1]))
    TARGET.write_text(json.dumps(told, ensure_ascii=True) + "\n", encoding="ascii")
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
    document = {
        "date": told["date"],
        "commit": commit.stdout.strip(),
        "machine": "CPU, one thread, tiny model, torch 2.0.1, transformers 4.27.1",
        "command": "python -m tools.record_tuning SOURCE MODEL",
        "figures": {"eval_speedup": round(speedup, 2)},
    }
    KEPT.write_text(json.dumps(document, indent=2) + "\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
