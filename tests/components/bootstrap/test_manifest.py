"""The table of steps and files against what the publishers say."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from components.bootstrap.render import BootstrapInputs, render
from components.bootstrap.settings import BootstrapSettings
from components.bootstrap.settings import BootstrapSettings as Settings
from components.bootstrap.sources import MODEL_FILES


def manifest(region: str = "ap-guangzhou", **changes: Any) -> dict[str, Any]:
    settings = BootstrapSettings.model_validate(changes)
    cidrs = ("203.0.113.7/32", "MY_PUBLIC_IP")
    inputs = BootstrapInputs(settings, "demo-passw0rd", cidrs, "o/p/s", region)
    return render(inputs).manifest


def hosts(made: dict[str, Any], file: str) -> list[str | None]:
    return [urlsplit(url).hostname for url in by_id(made)[file]["urls"]]


@pytest.fixture(scope="module")
def full() -> dict[str, Any]:
    return manifest()


def by_id(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {file["id"]: file for file in made["files"]}


def test_steps_are_in_the_order_of_the_recipe(full: dict[str, Any]) -> None:
    assert [step["name"] for step in full["steps"]] == [
        "base", "windows", "python", "model", "driver", "cuda", "cudnn", "torch", "packages", "source", "demo",
        "watcher", "check",
    ]  # fmt: skip


def test_https_is_one_word_that_does_no_step_again(full: dict[str, Any]) -> None:
    made = manifest(demoTls=True)
    assert made["settings"] == {**full["settings"], "demoTls": True}
    assert made["steps"] == full["steps"]


def test_the_models_shards_have_the_published_sum(full: dict[str, Any]) -> None:
    shards = [file for file in full["files"] if file["id"].endswith(".bin")]
    assert len(shards) == 8
    assert sum(file["bytes"] for file in shards) == 13_416_906_785


def test_the_model_has_sixteen_files_with_hashes(full: dict[str, Any]) -> None:
    files = [file for file in full["files"] if file["step"] == "model"]
    assert len(files) == len(MODEL_FILES) == 16
    assert len({file["sha256"] for file in files}) == 16
    assert all(len(file["sha256"]) == 64 and file["bytes"] for file in files)


@pytest.mark.parametrize(
    ("file", "size", "sha256"),
    [
        ("pytorch_model-00001-of-00008.bin", 1740651802,
         "14dafdc73e1b1da131fec6668f58774bf6eab1215963f92bdd5c7d81dc6ca383"),
        ("pytorch_model-00008-of-00008.bin", 1069286123,
         "39d30a1d55c7e0138ef8b85190f927851f0fda5483a6465b104f9696ceaec8b4"),
        ("ice_text.model", 2706249, "5e974d9a69c242ce014c88c2b26089270f6198f3c0b700a887666cd3e816f17e"),
        ("config.json", 773, "513b00be45b0bdcda0e0d6a0a78e3b2c1fe31f3e17c2b920777472242b855152"),
        ("modeling_chatglm.py", 57620, "e77d33a0354ab0948d54f953708d09baa7345966f2fb73df749e8fe5352863eb"),
        ("torch", 2619146901, "f58d75619bc96e4322343c030b893613701caa2d6db8017155da226c14171335"),
        ("cuda", None, "b70f38f27321c0a53993438a91970a2e3c426f46da4c42eceff1eeea031a6555"),
        ("cudnn", 704240064, "5e45478efe71a96329e6c0d2a3a2f79c747c15b2a51fead4b84c89b02cbf1671"),
        ("miniconda", None, "f242f98378691496851f78beaf466797fb20251ba5092840c794503594d37726"),
    ],
)  # fmt: skip
def test_sizes_and_hashes_are_the_published_ones(
    full: dict[str, Any], file: str, size: int | None, sha256: str
) -> None:
    assert (by_id(full)[file]["bytes"], by_id(full)[file]["sha256"]) == (size, sha256)


def test_every_download_is_checked(full: dict[str, Any]) -> None:
    for file in full["files"]:
        if file["check"] == "sha256":
            assert file["sha256"]
        elif file["check"] == "authenticode":
            assert file["step"] == "driver", "a step that looks at the signature"
        else:
            # The one without a hash: from GitHub's own hosts alone, and the commit in the archive is compared.
            assert file["id"] == "source"
            assert {urlsplit(url).hostname for url in file["urls"]} <= {"github.com", "codeload.github.com"}
            assert all(full["settings"]["sourceCommit"] in url for url in file["urls"])


def test_every_address_is_https_and_its_own(full: dict[str, Any]) -> None:
    urls = [url for file in full["files"] for url in file["urls"]]
    assert all(url.startswith("https://") and "{" not in url for url in urls)
    assert len(urls) == len(set(urls))


def test_mirrors_in_china_come_first(full: dict[str, Any]) -> None:
    files = by_id(full)
    assert files["config.json"]["urls"][0] == "https://hf-mirror.com/THUDM/chatglm-6b/resolve/v1.1.0/config.json"
    assert "mirrors.aliyun.com" in files["torch"]["urls"][0]
    assert "tuna.tsinghua" in files["miniconda"]["urls"][0]
    assert full["settings"]["packageMirrors"][0] == "https://pypi.tuna.tsinghua.edu.cn/simple"


def test_weights_have_further_sources_and_small_files_only_the_hub(full: dict[str, Any]) -> None:
    assert hosts(full, "pytorch_model-00001-of-00008.bin") == [
        "modelscope.cn", "hf-mirror.com", "huggingface.co", "cloud.tsinghua.edu.cn",
    ]  # fmt: skip
    assert hosts(full, "config.json") == ["hf-mirror.com", "huggingface.co"]


@pytest.mark.parametrize("region", ["ap-hongkong", "ap-singapore", "na-siliconvalley", "eu-frankfurt"])
def test_outside_of_the_mainland_the_hub_comes_first(region: str) -> None:
    assert hosts(manifest(region), "pytorch_model-00001-of-00008.bin")[:2] == ["hf-mirror.com", "huggingface.co"]


def test_sources_of_ones_own_come_before_any_other() -> None:
    made = manifest(modelSources=["https://mine.test/{file}"])
    assert hosts(made, "pytorch_model-00001-of-00008.bin")[0] == "mine.test"


def test_the_smallest_weights_come_first_to_tell_whether_a_source_has_the_right_ones(full: dict[str, Any]) -> None:
    model = [file for file in full["files"] if file["step"] == "model"]
    weights = [file["bytes"] for file in model if file["id"].endswith((".bin", ".model"))]
    assert weights == sorted(weights)
    assert [file["bytes"] for file in model][-len(weights) :] == weights


def test_the_order_of_files_does_not_change_a_key(full: dict[str, Any]) -> None:
    keys = {step["name"]: step["key"] for step in full["steps"]}
    assert {step["name"]: step["key"] for step in manifest("eu-frankfurt")["steps"]} == keys


def test_the_wheel_keeps_its_plus_on_the_disk(full: dict[str, Any]) -> None:
    torch = by_id(full)["torch"]
    assert torch["path"].endswith("torch-2.0.1+cu118-cp310-cp310-win_amd64.whl")
    assert all(url.endswith("torch-2.0.1%2Bcu118-cp310-cp310-win_amd64.whl") for url in torch["urls"])


def test_paths_on_the_machine_have_backslashes_and_the_models_folder_no_dot(full: dict[str, Any]) -> None:
    assert all(file["path"].startswith("C:\\") and "/" not in file["path"] for file in full["files"])
    assert by_id(full)["config.json"]["path"] == "C:\\chatglm-6b\\config.json"


def test_minimal_leaves_out_toolkit_and_cudnn() -> None:
    made = manifest(gpuToolkit="minimal")
    assert not {"cuda", "cudnn"} & {step["name"] for step in made["steps"]}
    assert not {"cuda", "cudnn"} & set(by_id(made))


def test_an_older_driver_follows_the_chosen_one() -> None:
    urls = by_id(manifest(driverVersion="572.83"))["driver"]["urls"]
    assert [url.rsplit("/", 1)[1][:6] for url in urls] == [
        "572.83",
        "572.83",
        "560.94",
        "560.94",
        "560.94",
        "538.15",
        "538.15",
    ]


def test_a_changed_setting_changes_the_key_of_its_step_only(full: dict[str, Any]) -> None:
    changed = manifest(servedModel="run/checkpoint-3000")
    keys = {step["name"]: step["key"] for step in full["steps"]}
    assert {step["name"] for step in changed["steps"] if step["key"] != keys[step["name"]]} == {"demo"}


def test_mirrors_do_not_change_any_key(full: dict[str, Any]) -> None:
    changed = manifest(torchMirrors=["https://example.com/wheels"])
    assert [step["key"] for step in changed["steps"]] == [step["key"] for step in full["steps"]]


def test_windows_firewall_gets_addresses_that_it_understands(full: dict[str, Any]) -> None:
    # Any stands alone, or Windows refuses it.
    assert full["settings"]["operatorCidrs"] == ["Any"]
    for cidrs, told in (((), ["Any"]), (("0.0.0.0/0", "203.0.113.7/32"), ["Any"]), (("203.0.113.7/32",), None)):
        given = BootstrapInputs(Settings(), "demo-passw0rd", cidrs, "o/p/s")
        assert render(given).manifest["settings"]["operatorCidrs"] == (told or list(cidrs))


def test_the_passwords_hash_is_in_it_and_not_the_password(full: dict[str, Any]) -> None:
    assert full["settings"]["demoPasswordHash"].startswith("pbkdf2_sha256$600000$")
    assert "demo-passw0rd" not in json.dumps(full)


def test_all_settings_are_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_ready_int4_weights_come_by_the_hubs_word_and_code_by_its_known_hash() -> None:
    made = manifest(model="THUDM/chatglm-6b-int4", precision="int4")
    files = {name: file for name, file in by_id(made).items() if file["step"] == "model"}
    named = {name for name, file in files.items() if file["check"] == "hub"}
    assert named == {"config.json", "pytorch_model.bin"}
    assert all(files[name]["sha256"] is None and files[name]["bytes"] is None for name in named)
    assert files["pytorch_model.bin"]["urls"][0] == (
        "https://hf-mirror.com/THUDM/chatglm-6b-int4/resolve/main/pytorch_model.bin"
    )
    # Nothing that is run is taken on the word of who serves it.
    others = {name: file for name, file in files.items() if name not in named}
    assert {name for name in others if name.endswith(".py")} == {name for name in MODEL_FILES if name.endswith(".py")}
    assert all((file["bytes"], file["sha256"]) == MODEL_FILES[name] for name, file in others.items())
    assert all("chatglm-6b-int4" not in url for file in others.values() for url in file["urls"])
    assert not any(name.startswith("pytorch_model-") or name.endswith("index.json") for name in files)


def test_ready_int4_weights_make_a_cold_start_shorter_and_the_download_half() -> None:
    ready = manifest(model="THUDM/chatglm-6b-int4", precision="int4")

    def size(made: dict[str, Any]) -> int:
        return sum(file["bytes"] or file["estimate"] for file in made["files"] if file["step"] == "model")

    assert size(ready) < 0.3 * size(manifest())
