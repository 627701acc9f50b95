"""The recogniser: lines of text out of a picture, offline, with weights that come inside its package."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_LEAST_SCORE = 0.3
_LONGEST_SIDE_PX = 2600


@dataclass(frozen=True, slots=True)
class Found:
    """One line in a picture: its four corners in pixels, clockwise from where its text begins."""

    text: str
    corners: tuple[tuple[float, float], ...]
    score: float

    @property
    def length(self) -> float:
        """Pixels along the text."""
        (ax, ay), (bx, by), *_ = self.corners
        return math.hypot(bx - ax, by - ay)

    @property
    def height(self) -> float:
        """Pixels across the text."""
        (ax, ay), *_, (dx, dy) = self.corners
        return math.hypot(dx - ax, dy - ay)

    @property
    def extent(self) -> float:
        """Pixels along the longer side, which is that of the text even where it stands."""
        return max(self.length, self.height)

    @property
    def angle(self) -> float:
        """Degrees by which the line falls towards its right."""
        (ax, ay), (bx, by), *_ = self.corners
        return math.degrees(math.atan2(by - ay, bx - ax))

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the four corners."""
        return sum(x for x, _ in self.corners) / 4, sum(y for _, y in self.corners) / 4

    @property
    def lies(self) -> bool:
        """Whether it is wider than high, as upright text is."""
        xs, ys = [x for x, _ in self.corners], [y for _, y in self.corners]
        return max(xs) - min(xs) >= max(ys) - min(ys)


class Recogniser:
    """Loads the models once; a second or more, and half a gigabyte."""

    def __init__(self, threads: int) -> None:
        package: Any = importlib.import_module("rapidocr")
        self._cut: Any = importlib.import_module("rapidocr.utils.process_img").get_rotate_crop_image
        models = Path(package.__file__).parent / "models"
        # Named outright, so that a file that is missing is an error and never a download.
        self._engine: Any = package.RapidOCR(
            params={
                "Global.use_cls": False,  # it turns good lines of clean scans upside down
                "Global.log_level": "error",
                "Global.text_score": _LEAST_SCORE,
                "Global.max_side_len": _LONGEST_SIDE_PX,
                "Det.model_path": str(_only(models, "*_det_*.onnx")),
                "Rec.model_path": str(_only(models, "*_rec_*.onnx")),
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def lines(self, picture: Any) -> list[Found]:
        """Return the lines in a picture, an array of height, width and three colours; in no useful order."""
        out = self._engine(picture)
        if getattr(out, "boxes", None) is None or getattr(out, "txts", None) is None:
            return []
        return [
            Found(text.strip(), tuple((float(x), float(y)) for x, y in corners), float(score))
            for corners, text, score in zip(out.boxes, out.txts, out.scores, strict=True)
            if text.strip()
        ]

    def from_other_end(self, picture: Any, lines: Sequence[Found]) -> float:
        """Return the mean score of these lines of the picture when each is read upside down."""
        cuts = [self._cut(picture, np.array(line.corners, dtype=np.float32)) for line in lines]
        out = self._engine.recognize_txt([np.rot90(cut, 2).copy() for cut in cuts])
        read = [Found(text, (), float(score)) for text, score in zip(out.txts, out.scores, strict=True)]
        return mean_score(read)


def mean_score(lines: list[Found]) -> float:
    """Return the mean score, weighted by length of text; 0 without lines."""
    letters = sum(len(line.text) for line in lines)
    return sum(line.score * len(line.text) for line in lines) / letters if letters else 0.0


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise FileNotFoundError(f"the package rapidocr came without its model {pattern}")
    return found[0]
