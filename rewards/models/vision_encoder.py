"""Frames and sentences as vectors of one space: a CLIP model of ``open_clip``, by name or from a folder."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError, unknown_name_message
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.frames import FrameTransform

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

FloatMatrix = NDArray[np.float32]
Frames = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"

_MEMORY = {"cpu": 64 * 2**20, "cuda": 2 * 2**30}
"""Bytes that the images of one pass and what the encoder makes of them may take."""
_MOST_IMAGES = {"cpu": 256, "cuda": 1024}
"""Images of one pass; more make nothing faster."""
_TEXTS_A_PASS = 64
_TEXTS_KEPT = 10_000
_MAX_CHARACTERS = 4_000


class VisionEncoder:
    """Turns frames and sentences into vectors of length 1, whose product says how well they fit.

    The model is not trained. Frames go through it in passes that a budget of memory bounds, however many are given;
    what a sentence gave is remembered. Several threads may use one encoder. A process forked from the one that loaded
    it cannot, since the threads that compute do not survive a fork. Made by ``load_vision_encoder``.

    Args:
        model: An ``open_clip`` model on its device, in evaluation mode.
        tokenizer: Its tokenizer.
        transform: What it does to a frame.
        name: Where it comes from.
        memory: Bytes that one pass may take; None for 64 MiB on a CPU and 2 GiB on a GPU.
        dtype: The numbers that the model takes; None for float32. In mixed precision its weights do not tell.

    Raises:
        RewardiumError: When the model gives no usable vectors: its weights are corrupt.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        transform: FrameTransform,
        name: str,
        *,
        memory: int | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.transform = transform
        self.name = name
        self.device: torch.device = next(model.parameters()).device
        self.dtype = dtype
        self._texts: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()
        self._forked = False
        self._encode: Callable[[torch.Tensor], torch.Tensor] = model.encode_image
        self.dimensions, bytes_an_image = self._try_out()
        budget = _MEMORY[self.device.type] if memory is None else memory
        self.batch_size = max(1, min(budget // bytes_an_image, _MOST_IMAGES[self.device.type]))
        if self.device.type == "cuda":
            self._encode = self._compiled()
        renew_after_fork(self)

    @property
    def image_size(self) -> int:
        """Height and width of the image that the encoder sees; frames of this size are not resized."""
        return self.transform.size

    def check_frames(self, shape: tuple[int, ...], dtype: Any) -> None:
        """Refuse frames that this encoder cannot read, before a long run renders many of them.

        Args:
            shape: Of one frame, ``(height, width, 3)``, or of several, ``(B, height, width, 3)``.
            dtype: Of the frames; must be uint8.

        Raises:
            RewardiumError: Saying what is wrong and what would be right.
        """
        self.transform.check(shape, dtype)

    def encode_images(self, frames: Frames) -> FloatMatrix:
        """Turn frames into vectors.

        Args:
            frames: uint8 [B, height, width, 3], or B arrays of the shape [height, width, 3]; any B.

        Returns:
            float32 [B, D], each of length 1.

        Raises:
            RewardiumError: When the frames are none, or of different sizes, or the process was forked.
        """
        vectors = np.empty((len(frames), self.dimensions), dtype=np.float32)
        for start in range(0, len(frames), self.batch_size):
            part = self._stacked(frames[start : start + self.batch_size])
            vectors[start : start + len(part)] = self._images(part)
        return vectors

    def encode_texts(self, texts: Sequence[str]) -> FloatMatrix:
        """Turn sentences into vectors; each is read once, however often it is asked for.

        Args:
            texts: Length B; a text is cut where the model's context ends.

        Returns:
            float32 [B, D], each of length 1.

        Raises:
            RewardiumError: When something is no text, or the process was forked.
        """
        if not all(isinstance(text, str) for text in texts):
            raise RewardiumError(f"a vision encoder reads sentences, got {texts!r}")
        readable = [_readable(text) for text in texts]
        with self._lock:
            missing = [text for text in dict.fromkeys(readable) if text not in self._texts]
            found = {text: self._texts[text] for text in readable if text in self._texts}
            for start in range(0, len(missing), _TEXTS_A_PASS):
                part = missing[start : start + _TEXTS_A_PASS]
                found.update(zip(part, self._sentences(part), strict=True))
            self._remember(found)
        rows = [found[text] for text in readable]
        return np.stack(rows) if rows else np.zeros((0, self.dimensions), dtype=np.float32)

    def after_fork_in_child(self) -> None:
        """Note that this is not the process that loaded the model."""
        self._forked = True
        self._lock = threading.Lock()

    def _stacked(self, frames: Frames) -> NDArray[np.uint8]:
        """Copy some frames into one array: what was given may be read-only, or a view of a window."""
        arrays = [np.asarray(frame) for frame in frames]
        shapes = {(array.shape, array.dtype) for array in arrays}
        if len(shapes) > 1:
            raise RewardiumError(f"frames of one batch must have one size, got {sorted(map(str, shapes))}")
        self.check_frames(arrays[0].shape, arrays[0].dtype)
        return np.stack(arrays)

    def _images(self, frames: NDArray[np.uint8]) -> FloatMatrix:
        import torch

        self._require_own_process()
        count = len(frames)
        if self.device.type == "cuda" and count < self.batch_size:
            # A compiled encoder has one batch size: it would be compiled anew for every other one.
            padding = np.zeros((self.batch_size - count, *frames.shape[1:]), dtype=np.uint8)
            frames = np.concatenate([frames, padding])
        with torch.inference_mode():
            images = self.transform(torch.from_numpy(frames).to(self.device), self.dtype)
            return _unit(self._encode(images)[:count])

    def _sentences(self, texts: Sequence[str]) -> FloatMatrix:
        import torch

        self._require_own_process()
        with torch.inference_mode():
            return _unit(self.model.encode_text(self.tokenizer(list(texts)).to(self.device)))

    def _remember(self, found: dict[str, NDArray[np.float32]]) -> None:
        for text, vector in found.items():
            self._texts[text] = vector
            self._texts.move_to_end(text)
        while len(self._texts) > _TEXTS_KEPT:
            self._texts.popitem(last=False)

    def _require_own_process(self) -> None:
        if self._forked:
            raise RewardiumError("a vision encoder cannot be used after a fork: score in the process that loaded it")

    def _try_out(self) -> tuple[int, int]:
        """Encode one frame and one sentence: returns D, and the bytes that one image takes inside of the model."""
        import torch

        largest = _LargestOutput()
        hooks = [module.register_forward_hook(largest) for module in self.model.visual.modules()]
        try:
            self.batch_size = 1
            with torch.inference_mode():
                images = self.transform(torch.from_numpy(self._frame()).to(self.device), self.dtype)
                self.dimensions = int(self._encode(images).shape[-1])
        finally:
            for hook in hooks:
                hook.remove()
        vectors = np.concatenate([self._images(self._frame()), self.encode_texts(["a photo"])])
        if not np.isfinite(vectors).all() or not np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3):
            raise RewardiumError(f"the vision encoder {self.name!r} gives no finite vectors: its weights are corrupt")
        # A layer's input, its output, and what goes around it stand in memory at the same time.
        return self.dimensions, 3 * largest.bytes + 5 * 3 * self.image_size**2

    def _frame(self) -> NDArray[np.uint8]:
        return np.full((1, self.image_size, self.image_size, 3), 127, dtype=np.uint8)

    def _compiled(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """Compile the image tower for its one batch size; where that fails, the tower works as it is."""
        import torch

        plain = self._encode
        try:
            self._encode = torch.compile(plain, dynamic=False)
            self._images(self._frame())
        except Exception as error:  # compilers fail in many ways, and none of them keeps the model from working
            logger.warning("the vision encoder %s is not compiled: %s", self.name, error)
            return plain
        return self._encode


class _LargestOutput:
    """A hook that remembers the size of the largest tensor that any layer returned."""

    def __init__(self) -> None:
        self.bytes = 1

    def __call__(self, module: Any, inputs: Any, output: Any) -> None:
        outputs = output if isinstance(output, tuple) else (output,)
        for item in outputs:
            if hasattr(item, "element_size"):
                self.bytes = max(self.bytes, item.numel() * item.element_size())


def _unit(vectors: torch.Tensor) -> FloatMatrix:
    from torch.nn.functional import normalize

    unit: FloatMatrix = normalize(vectors.float(), dim=-1).cpu().numpy()
    return unit


def _readable(text: str) -> str:
    """Return a text that a tokenizer can take: of bounded length, without lone surrogates."""
    return text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8").strip()


_LOADING = threading.Lock()


def load_vision_encoder(name: str, device: str = "auto") -> VisionEncoder:
    """Return an encoder by name, one in a process, so that all rewards share one copy of a model.

    On a GPU the model computes in bfloat16 and its image tower is compiled, on a CPU in float32.

    Args:
        name: A folder with ``open_clip_config.json`` and ``open_clip_model.safetensors``, or an architecture of
            ``open_clip`` and its weights, e.g. ``"ViT-bigG-14/laion2b_s39b_b160k"``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Returns:
        The encoder. A folder whose weights have changed since is read again.

    Raises:
        RewardiumError: When there is no such model, or it cannot be read.
        MissingExtraError: When ``open_clip`` is not installed.

    Example:
        >>> load_vision_encoder("ViT-B-33/openai")  # doctest: +SKIP
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: unknown architecture 'ViT-B-33'; did you mean 'ViT-B-32' or 'ViT-B-16'?
    """
    if not isinstance(name, str) or not name.strip():
        raise RewardiumError(f"a vision encoder is a folder or ARCHITECTURE/WEIGHTS of open_clip, got {name!r}")
    if device not in ("auto", "cpu", "cuda"):
        raise RewardiumError(f"a vision encoder's device must be 'auto', 'cpu' or 'cuda', got {device!r}")
    name = name.strip()
    with _LOADING:  # two threads that ask for a model at the same time must not load it twice
        return _loaded(name, device, _version(Path(name).expanduser()))


def _version(folder: Path) -> tuple[int, int]:
    """Tell the contents of a folder from those that it had before."""
    try:
        status = (folder / WEIGHTS_FILE).stat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _loaded(name: str, device: str, version: tuple[int, int]) -> VisionEncoder:
    try:
        import open_clip
        import torch
    except ImportError as error:
        raise MissingExtraError(error.name or "open_clip", "vision") from error
    device = device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    schema, weights = _resolved(name, open_clip)
    precision, dtype = ("bf16", torch.bfloat16) if device == "cuda" else ("fp32", torch.float32)
    try:
        model = open_clip.create_model(
            schema, weights, device=device, precision=precision, require_pretrained=True, weights_only=True
        )
        model = model.eval().requires_grad_(False)
        model.visual.to(memory_format=torch.channels_last)  # as frames come; convolutions are faster that way
        tokenizer = open_clip.get_tokenizer(schema)
        transform = FrameTransform.from_config(open_clip.get_model_preprocess_cfg(model))
        return VisionEncoder(model, tokenizer, transform, name, dtype=dtype)
    except RewardiumError:
        raise
    except Exception as error:  # what a broken folder or a lost connection raises there has no common type
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RewardiumError(f"cannot load the vision encoder {name!r}: {said[:300]}") from error


def _resolved(name: str, open_clip: Any) -> tuple[str, str | None]:
    """Return what ``open_clip`` calls a model, and its weights; refuse what cannot exist."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        missing = [file for file in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / file).is_file()]
        if missing:
            raise RewardiumError(f"the folder {name!r} holds no vision encoder: it has no {' and no '.join(missing)}")
        return f"local-dir:{folder}", None
    architecture, _, weights = name.partition("/")
    if name.startswith((".", "~", "/")) or "/" in weights or architecture == "runs":
        raise RewardiumError(
            f"no folder {name!r} with a vision encoder; python scripts/train_clip.py --out {name} makes a small one"
        )
    if architecture not in open_clip.list_models():
        raise RewardiumError(unknown_name_message("architecture", architecture, open_clip.list_models()))
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights not in tags:
        raise RewardiumError(unknown_name_message(f"weights of {architecture}", weights, tags))
    return architecture, weights
