"""Settings of the machine's installation: a part of the stack's config under `chatglm:`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from components.errors import rule_broken
from components.rules import check_demo_port
from words import phrase

#: All mirrors together. They are part of the user data, which has a hard limit, and web addresses hardly compress.
MAX_MIRROR_CHARACTERS = 560

#: The end of the name under which upstream publishes the model with ready int4 weights.
_READY_INT4 = "-int4"
_URL = r"^https://[A-Za-z0-9._~:/?&=%+-]{4,120}$"
_MODEL_URL = r"^https://[A-Za-z0-9._~:/?&=%+{}-]{4,140}$"


def _check_model_source(template: str) -> str:
    if "{file}" not in template:
        raise rule_broken(
            phrase(
                "a source of the model needs {file} where the file's name goes ({model} and "
                "{revision} are filled in too)."
            ),
            phrase("For example: https://hf-mirror.com/{model}/resolve/{revision}/{file}"),
        )
    rest = template.replace("{file}", "").replace("{model}", "").replace("{revision}", "")
    if "{" in rest or "}" in rest:
        raise rule_broken(
            phrase("only {file}, {model} and {revision} may stand in braces."), phrase("Remove the other braces.")
        )
    return template


Url = Annotated[str, Field(pattern=_URL)]
ModelSource = Annotated[str, Field(pattern=_MODEL_URL), AfterValidator(_check_model_source)]


class BootstrapSettings(BaseModel):
    """What the machine installs, from where, and how long `pulumi up` waits for it. Keys are in camel case."""

    # Built when first used: `Settings` extends this class, and building both would cost every preview twice.
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, defer_build=True
    )

    model: str = Field(
        default="THUDM/chatglm-6b",
        pattern=r"^[A-Za-z0-9_-]{1,40}/[A-Za-z0-9_.-]{1,40}$",
        description="Model repository on the Hub; a copy under another name must hold the same files. With -int4 at "
        "the end: upstream's ready int4 weights, 3.89 GB in place of 13.4, for precision int4.",
    )
    model_revision: Literal[
        "v1.1.0", "942945df047dee66f653c68ae0e56655045f1741", "8b7d33596d18c5e83e2da052d05ca4db02e60620"
    ] = Field(
        default="v1.1.0",
        description="Revision of the model. These three hold the same weights and code, whose hashes are known.",
    )
    precision: Literal["fp16", "int8", "int4"] = Field(
        default="fp16", description="Weights on the GPU: fp16 needs 13 GB, int8 8 to 10 GB, int4 6 GB."
    )
    engine: Literal["fast", "upstream"] = Field(
        default="fast",
        description="What computes the answers: fast is this project's decoder, and upstream's own loop where that "
        "cannot run; upstream is always that loop.",
    )
    served_model: str = Field(
        default="base",
        pattern=r"^(base|[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/checkpoint-[0-9]{1,7})$",
        description="What the demo serves: base, or a fine-tuned RUN/checkpoint-N that lies on the machine.",
    )
    gpu_toolkit: Literal["full", "minimal"] = Field(
        default="full",
        description="full installs the CUDA toolkit and cuDNN as the manual recipe does. minimal leaves both out: the "
        "demo and training run on the copies inside PyTorch; lost are nvcc and building CUDA code on the machine.",
    )
    driver_version: Literal["560.94", "538.15", "572.83"] = Field(
        default="560.94",
        description="NVIDIA data-center driver that is tried first; older ones follow when it cannot be had.",
    )
    miniconda_version: Literal["py310_23.5.2-0", "py310_23.11.0-2", "py310_24.3.0-0"] = Field(
        default="py310_23.11.0-2",
        description="Miniconda release. All bring Python 3.10, which the pinned packages need.",
    )
    source_commit: str = Field(
        default="401bf3a8a7dd8a26fba189551dccfc61a7079b4e",
        pattern=r"^[0-9a-f]{40}$",
        description="Commit of the ChatGLM-6B source.",
    )
    source_urls: tuple[Url, ...] = Field(
        default=(), max_length=2, description="Own copies of the source's zip, tried before GitHub; need sourceSha256."
    )
    source_sha256: str = Field(
        default="", pattern=r"^([0-9a-f]{64})?$", description="SHA-256 of the source's zip; GitHub publishes none."
    )
    model_sources: tuple[ModelSource, ...] = Field(
        default=(
            "https://hf-mirror.com/{model}/resolve/{revision}/{file}",
            "https://huggingface.co/{model}/resolve/{revision}/{file}",
        ),
        min_length=1,
        max_length=4,
        description="Where the model's files come from, in order; unless set, ModelScope comes first in the mainland.",
    )
    torch_mirrors: tuple[Url, ...] = Field(
        default=(
            "https://mirrors.aliyun.com/pytorch-wheels/cu118",
            "https://mirror.sjtu.edu.cn/pytorch-wheels/cu118",
            "https://download.pytorch.org/whl/cu118",
        ),
        min_length=1,
        max_length=4,
        description="Folders that hold the CUDA wheel of PyTorch, in order.",
    )
    conda_mirrors: tuple[Url, ...] = Field(
        default=("https://mirrors.tuna.tsinghua.edu.cn/anaconda/miniconda", "https://repo.anaconda.com/miniconda"),
        min_length=1,
        max_length=4,
        description="Folders that hold the Miniconda installer, in order.",
    )
    package_mirrors: tuple[Url, ...] = Field(
        default=("https://pypi.tuna.tsinghua.edu.cn/simple", "https://mirrors.cloud.tencent.com/pypi/simple"),
        min_length=1,
        max_length=4,
        description="Package indexes, in order; the next is used when one fails.",
    )
    package_url: str = Field(
        default="",
        pattern=rf"^$|{_URL}",
        description="Address of the second stage, for those who do not want it pushed by the waiting `pulumi up`.",
    )
    page_file_gb: int = Field(
        default=8, ge=4, le=9, description="Fixed size of the page file in GiB; more would crowd a disk of 75 GB."
    )
    pre_seq_len: int = Field(default=128, ge=1, le=512, description="Length of the trained prefix of new runs.")
    demo_port: Annotated[int, AfterValidator(check_demo_port)] = Field(
        default=7860, description="TCP port of the web demo."
    )
    demo_user: str = Field(
        default="chatglm", pattern=r"^[A-Za-z0-9_.-]{1,32}$", description="Login name of the web demo."
    )
    demo_tls: bool = Field(
        default=False,
        description="Whether demo and API are served over HTTPS, with a certificate of the machine's own that pulumi "
        "up makes, and otherwise not at all. A browser warns of it once: see the output demoFingerprint.",
    )
    api_origins: tuple[Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.:_-]{1,80}$")], ...] = Field(
        default=(),
        max_length=4,
        description="Web pages, by scheme and host, that may ask the API from a browser (CORS).",
    )
    wait_ready: bool = Field(default=True, description="Whether `pulumi up` waits until the demo answers.")
    ready_timeout_minutes: int = Field(
        default=180, ge=1, le=1440, description="How long `pulumi up` waits; the first installation moves 21 GB."
    )

    @property
    def has_ready_int4(self) -> bool:
        """Whether the model's repository holds upstream's ready int4 weights."""
        return self.model.endswith(_READY_INT4)

    @property
    def plain_model(self) -> str:
        """The repository of the model itself, of which ready int4 weights were made."""
        return self.model.removesuffix(_READY_INT4)

    @model_validator(mode="after")
    def _check_together(self) -> BootstrapSettings:
        mirrors = (
            *self.source_urls, *self.model_sources, *self.torch_mirrors, *self.conda_mirrors, *self.package_mirrors,
            self.package_url,
        )  # fmt: skip
        length = sum(map(len, mirrors))
        if length > MAX_MIRROR_CHARACTERS:
            raise rule_broken(
                phrase(
                    "all web addresses together have {length} characters, and {limit} fit into user data.",
                    length=length,
                    limit=MAX_MIRROR_CHARACTERS,
                ),
                phrase("Name fewer or shorter mirrors."),
            )
        if self.has_ready_int4 and self.precision != "int4":
            raise rule_broken(
                phrase(
                    "{model} holds 4-bit weights, of which {precision} cannot be made.",
                    model=self.model,
                    precision=self.precision,
                ),
                phrase("Set chatglm:precision to int4, or chatglm:model to {fitting}.", fitting=self.plain_model),
            )
        if self.model.endswith("-int8"):
            raise rule_broken(
                phrase(
                    "{model} is not installed: int8 is made on the machine, of the model's own files.", model=self.model
                ),
                phrase(
                    "Set chatglm:model to {fitting}, and chatglm:precision to int8.",
                    fitting=self.model.removesuffix("-int8"),
                ),
            )
        if bool(self.source_urls) != bool(self.source_sha256):
            raise rule_broken(
                phrase(
                    "sourceUrls and sourceSha256 belong together: a copy that GitHub does not vouch for needs a hash."
                ),
                phrase("Set both or neither."),
            )
        return self
