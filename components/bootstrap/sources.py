"""What is downloaded: names, sizes, hashes and addresses, as their publishers give them.

Sizes that no publisher states are estimates and kept apart from exact ones (`bytes` against `estimate`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import quote

from components.bootstrap.settings import BootstrapSettings
from guest import paths


@dataclass(frozen=True)
class File:
    """One download. In `path` and `urls`, `{file}` stands for the id.

    `check` is `sha256`, `authenticode` (the signer of the program is checked before it runs), `hub` (no hash is known
    here: the one that the Hub names in its answer) or `none: REASON`.
    `estimate` (bytes) serves progress, the disk's budget and simulations where the exact size is unknown.
    """

    id: str
    step: str
    path: str
    urls: tuple[str, ...]
    check: str
    bytes: int | None = None
    sha256: str | None = None
    estimate: int | None = None

    @property
    def size(self) -> int:
        """Bytes, exact or estimated."""
        return self.bytes or self.estimate or 0


#: SHA-256 of the installers (winget-pkgs and ScoopInstaller/Versions manifests; Anaconda's page "Miniconda hashes").
MINICONDA_SHA256 = {
    "py310_23.5.2-0": "e15638645b34921098a3f760fd8af07e53a427f59b99a0f049420a7751cbbc05",
    "py310_23.11.0-2": "f242f98378691496851f78beaf466797fb20251ba5092840c794503594d37726",
    "py310_24.3.0-0": "5c683a007e5383b1a566c15c25972b35f33bc2c9252333c82dbd94513173321e",
}

TORCH_WHEEL = "torch-2.0.1+cu118-cp310-cp310-win_amd64.whl"
TORCH_BYTES = 2_619_146_901
TORCH_SHA256 = "f58d75619bc96e4322343c030b893613701caa2d6db8017155da226c14171335"

CUDA_INSTALLER = "cuda_11.8.0_522.06_windows.exe"
CUDA_SHA256 = "b70f38f27321c0a53993438a91970a2e3c426f46da4c42eceff1eeea031a6555"
CUDNN_ARCHIVE = "cudnn-windows-x86_64-8.9.7.29_cuda11-archive.zip"
CUDNN_BYTES = 704_240_064
CUDNN_SHA256 = "5e45478efe71a96329e6c0d2a3a2f79c747c15b2a51fead4b84c89b02cbf1671"

#: The part of the driver's file name that names the Windows versions; it changed with time.
_DRIVER_SYSTEMS = {"572.83": "2022", "560.94": "2022", "538.15": "2019-2022"}
#: Microsoft's copy of NVIDIA's file, which the GPU extension of Azure installs on T4 machines.
_DRIVER_COPIES = {
    "560.94": "https://download.microsoft.com/download/fb39e9e2-c1ac-4a8a-a6f9-1221c1ac840d/"
    "560.94-data-center-tesla-desktop-winserver-2022-dch-international.exe"
}

#: Files of the model at v1.1.0 (the same at the Hub's head): bytes, SHA-256. The shards of older revisions have the
#: same names and sizes, so only the hash tells them apart.
MODEL_FILES: dict[str, tuple[int, str]] = {
    "ice_text.model": (2706249, "5e974d9a69c242ce014c88c2b26089270f6198f3c0b700a887666cd3e816f17e"),
    "config.json": (773, "513b00be45b0bdcda0e0d6a0a78e3b2c1fe31f3e17c2b920777472242b855152"),
    "configuration_chatglm.py": (4276, "942977b9f878be607345860a88d2fc74a75256e91d0e14ef40391818352c359b"),
    "modeling_chatglm.py": (57620, "e77d33a0354ab0948d54f953708d09baa7345966f2fb73df749e8fe5352863eb"),
    "quantization.py": (15054, "9e29d0de295c63297b99a06c3b9fe7c6f8781a4aa5fb3b9ff903bdfeaf5a535b"),
    "tokenization_chatglm.py": (17047, "b52a2d87f05cd3919ba6401e6be1a82b99cd91609fbc562fea407f000dc9f873"),
    "tokenizer_config.json": (441, "5bcca050afbbd7e3a3a1224b6c0019eff0dbc9548580637adaafc27a26e4fb0a"),
    "pytorch_model.bin.index.json": (33416, "e472630335025a12ee8047674e51e1789b217f2e173961ce6496385ca48f3547"),
    "pytorch_model-00001-of-00008.bin": (
        1740651802,
        "14dafdc73e1b1da131fec6668f58774bf6eab1215963f92bdd5c7d81dc6ca383",
    ),
    "pytorch_model-00002-of-00008.bin": (
        1879731432,
        "8678043a60cd2ce373543fffe8de9508a8cf4266d2c0f088d52167cae74af839",
    ),
    "pytorch_model-00003-of-00008.bin": (
        1980385902,
        "84744300522f53f778744012cd95ffd6f0e533515e53034035fe7cca5daf70b0",
    ),
    "pytorch_model-00004-of-00008.bin": (
        1913294120,
        "43eb8279007c062e39fd44e536647bc5d0069773c3a69ca087f60aa3b85894d5",
    ),
    "pytorch_model-00005-of-00008.bin": (
        1879722289,
        "ccfc9d265ddc00a00e8d6c4f5328c381d64eb2c68e06b5214f4b73bed149e41d",
    ),
    "pytorch_model-00006-of-00008.bin": (
        1879731496,
        "f13d68803861c8575a9702c4923e1ef1ed601d8ca17ca62841c32860be24e597",
    ),
    "pytorch_model-00007-of-00008.bin": (
        1074103621,
        "570c6a9aad83b2b383765e27f6bddcad40efddeb84f8490aea29dc0e43666ac5",
    ),
    "pytorch_model-00008-of-00008.bin": (
        1069286123,
        "39d30a1d55c7e0138ef8b85190f927851f0fda5483a6465b104f9696ceaec8b4",
    ),
}
#: Upstream's int4 weights, ready made: only these two files differ from the model's own (bytes by the Hub's listing,
#: rounded). No published hash of them was found, so the one counts that the Hub's answer names. Code comes from the
#: model itself, by its known hashes: what nobody could check here is data alone.
READY_INT4_FILES = {"config.json": 1_000, "pytorch_model.bin": 3_890_000_000}
_READY_INT4_REVISION = "main"
#: These lie in Tsinghua's cloud folder and in ModelScope's repository too; the small files come from the Hub alone.
_WEIGHTS = (".bin", ".model")
_TSINGHUA = "https://cloud.tsinghua.edu.cn/d/fb9f16d6dc8f482596c2/files/?p=%2F{file}&dl=1"
_MODELSCOPE = "https://modelscope.cn/api/v1/models/ZhipuAI/ChatGLM-6B/repo?Revision=v1.0.7&FilePath={file}"


#: Tencent's regions that begin like the mainland's and lie outside of it, where the Hub itself is near.
_OUTSIDE = ("hongkong", "taipei", "singapore", "bangkok", "jakarta", "mumbai", "seoul", "tokyo", "osaka")


def files(settings: BootstrapSettings, region: str) -> list[File]:
    """All downloads but the packages, in the order in which they are started: first what has a long installation."""
    toolkit = [_cuda(), _cudnn()] if settings.gpu_toolkit == "full" else []
    return [
        _miniconda(settings),
        _driver(settings),
        _torch(settings),
        *toolkit,
        _source(settings),
        *_model(settings, region),
    ]


def is_mainland(region: str) -> bool:
    """Whether the region lies in mainland China, where the Hub is slow or shut off and its mirror leads to it."""
    area, _, place = region.partition("-")
    return area == "ap" and not place.startswith(_OUTSIDE)


def small_model_files(settings: BootstrapSettings, region: str) -> list[File]:
    """The model's files with a known hash that are no weights: 128,627 bytes, from the Hub and its mirror alone."""
    return [file for file in _model(settings, region) if file.sha256 and not file.id.endswith(_WEIGHTS)]


def _download(name: str) -> str:
    return f"{paths.ROOT}\\downloads\\{name}"


def _miniconda(settings: BootstrapSettings) -> File:
    version = settings.miniconda_version
    name = f"Miniconda3-{version}-Windows-x86_64.exe"
    urls = tuple(f"{mirror}/{name}" for mirror in settings.conda_mirrors)
    path = _download("miniconda.exe")
    return File("miniconda", "python", path, urls, "sha256", sha256=MINICONDA_SHA256[version], estimate=60_000_000)


def _driver(settings: BootstrapSettings) -> File:
    versions = sorted(_DRIVER_SYSTEMS, reverse=True)
    wanted = [settings.driver_version, *(v for v in versions if v < settings.driver_version)]
    urls: list[str] = []
    for version in wanted:
        name = f"{version}-data-center-tesla-desktop-winserver-{_DRIVER_SYSTEMS[version]}-dch-international.exe"
        # The Chinese host is known to hold the Linux files; that the Windows ones lie there is likely, so it is tried.
        urls += [f"https://{host}.download.nvidia.com/tesla/{version}/{name}" for host in ("cn", "us")]
        urls += [_DRIVER_COPIES[version]] if version in _DRIVER_COPIES else []
    # Another version is another file: what lies there from before is not taken for it.
    path = _download(f"driver-{settings.driver_version}.exe")
    return File("driver", "driver", path, tuple(urls), "authenticode", estimate=700_000_000)


def _torch(settings: BootstrapSettings) -> File:
    urls = tuple(f"{mirror}/{quote(TORCH_WHEEL)}" for mirror in settings.torch_mirrors)
    return File("torch", "torch", _download(TORCH_WHEEL), urls, "sha256", TORCH_BYTES, TORCH_SHA256)


def _cuda() -> File:
    urls = (
        f"https://developer.download.nvidia.com/compute/cuda/11.8.0/local_installers/{CUDA_INSTALLER}",
        f"https://paddle-ci.gz.bcebos.com/window_requirement/{CUDA_INSTALLER}",
    )
    return File("cuda", "cuda", _download("cuda.exe"), urls, "sha256", sha256=CUDA_SHA256, estimate=3_000_000_000)


def _cudnn() -> File:
    url = f"https://developer.download.nvidia.com/compute/cudnn/redist/cudnn/windows-x86_64/{CUDNN_ARCHIVE}"
    return File("cudnn", "cudnn", _download("cudnn.zip"), (url,), "sha256", CUDNN_BYTES, CUDNN_SHA256)


def _source(settings: BootstrapSettings) -> File:
    commit = settings.source_commit
    path = _download("source.zip")
    if settings.source_sha256:
        return File(
            "source", "source", path, settings.source_urls, "sha256", sha256=settings.source_sha256, estimate=10_000_000
        )
    urls = (
        f"https://codeload.github.com/THUDM/ChatGLM-6B/zip/{commit}",
        f"https://github.com/THUDM/ChatGLM-6B/archive/{commit}.zip",
        f"https://github.com/zai-org/ChatGLM-6B/archive/{commit}.zip",
    )
    # GitHub packs archives on demand and publishes no hash: only its own hosts are asked, and guest/source.py compares
    # the commit that the archive names.
    check = "none: packed on demand"
    return File("source", "source", path, urls, check, estimate=10_000_000)


def _model(settings: BootstrapSettings, region: str) -> list[File]:
    """The small files first, then the weights by size: the first whole one tells whether its source has the right ones.

    A mainland mirror may hold an older revision, whose weights have the same names and sizes. In the mainland it is
    asked first all the same, since nothing else there is near; unless the settings name sources of their own.
    """
    ready = READY_INT4_FILES if settings.has_ready_int4 else {}
    own = [_named_by_the_hub(settings, name, estimate) for name, estimate in ready.items()]
    # Of the model itself then: neither its shards nor their index.
    kept = {name: told for name, told in MODEL_FILES.items() if not ready or not _is_of_weights(name, ready)}
    result = own
    for name, (size, sha256) in sorted(kept.items(), key=lambda each: (each[0].endswith(_WEIGHTS), each[1][0])):
        templates = settings.model_sources
        if name.endswith(_WEIGHTS):
            named = "model_sources" in settings.model_fields_set
            first = (_MODELSCOPE,) if is_mainland(region) and not named else ()
            templates = tuple(dict.fromkeys((*first, *settings.model_sources, _TSINGHUA, _MODELSCOPE)))
        urls = _filled(templates, settings.plain_model, settings.model_revision)
        result.append(File(name, "model", f"{paths.MODEL}\\{{file}}", urls, "sha256", size, sha256))
    return result


def _named_by_the_hub(settings: BootstrapSettings, name: str, estimate: int) -> File:
    urls = _filled(settings.model_sources, settings.model, _READY_INT4_REVISION)
    return File(name, "model", f"{paths.MODEL}\\{{file}}", urls, "hub", estimate=estimate)


def _is_of_weights(name: str, ready: Collection[str]) -> bool:
    return name in ready or name.startswith("pytorch_model")


def _filled(templates: Iterable[str], model: str, revision: str) -> tuple[str, ...]:
    return tuple(each.replace("{model}", model).replace("{revision}", revision) for each in templates)
