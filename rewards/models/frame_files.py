"""Frames kept in files: pictures, arrays and videos of demonstrations, goals and references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError

Frames = NDArray[np.uint8]

PICTURES = (".png", ".jpg", ".jpeg")
ARRAYS = (".npy", ".npz")
VIDEOS = (".mp4", ".gif", ".webm", ".avi", ".mov")
_MOST_BYTES = 2**31


def read_frames(path: str | Path, most: int = 300) -> Frames:
    """Read the frames of a picture, a folder of pictures, an array or a video.

    ============================  ====================================================================================
    ``.png .jpg .jpeg``           one frame
    a folder                      the pictures in it in the order of their names; all of one size
    ``.npy .npz``                 uint8 [T, H, W, 3] or [H, W, 3]; in an ``.npz`` under ``frames``, or its only array
    ``.mp4 .gif .webm .avi .mov``  the frames of the video
    ============================  ====================================================================================

    Args:
        path: Where they are; ``~`` is the home.
        most: Frames to return; of more, as many evenly spaced ones, first and last among them.

    Returns:
        uint8 [T, H, W, 3], T from 1 to ``most``.

    Raises:
        RewardiumError: When there is nothing of this kind, it is damaged, or it is no RGB of 8 bits.
        MissingExtraError: When ``pillow`` or ``imageio`` is needed and not installed.

    Example:
        >>> np.save("swing.npy", np.zeros((9, 4, 6, 3), np.uint8))
        >>> read_frames("swing.npy", most=5).shape
        (5, 4, 6, 3)
    """
    place = Path(path).expanduser()
    if not str(path) or not place.exists():
        raise RewardiumError(f"there are no frames at {str(path)!r}: no such file or folder")
    suffix = place.suffix.lower()
    try:
        if place.is_dir():
            frames = _folder(place, most)
        elif suffix in PICTURES:
            frames = _picture(place)[None]
        elif suffix in ARRAYS:
            frames = _array(place, most)
        elif suffix in VIDEOS:
            frames = _video(place, most)
        else:
            known = ", ".join((*PICTURES, *ARRAYS, *VIDEOS))
            raise RewardiumError(f"{place} is neither a folder nor a file of a known kind ({known})")
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, SyntaxError) as error:
        # What a damaged file makes Pillow, NumPy and ImageIO raise.
        raise RewardiumError(
            f"cannot read the frames of {place}: {str(error)[:200] or type(error).__name__}"
        ) from error
    return frames


def evenly_spaced(number: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of ``number`` indices, evenly spaced, first and last among them.

    Example:
        >>> evenly_spaced(9, 5).tolist(), evenly_spaced(3, 5).tolist(), evenly_spaced(7, 1).tolist()
        ([0, 2, 4, 6, 8], [0, 1, 2], [0])
    """
    if number <= most:
        return np.arange(number)
    return np.round(np.linspace(0, number - 1, most)).astype(np.int64) if most > 1 else np.zeros(1, dtype=np.int64)


def _picture(path: Path) -> Frames:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("pillow", "control") from error
    with Image.open(path) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)


def _folder(path: Path, most: int) -> Frames:
    pictures = sorted(item for item in path.iterdir() if item.suffix.lower() in PICTURES)
    if not pictures:
        raise RewardiumError(f"the folder {path} has no pictures ({', '.join(PICTURES)})")
    frames = [_picture(pictures[index]) for index in evenly_spaced(len(pictures), most).tolist()]
    sizes = {frame.shape for frame in frames}
    if len(sizes) > 1:
        raise RewardiumError(f"the pictures in {path} have several sizes: {sorted(sizes)[:3]}")
    return np.stack(frames)


def _array(path: Path, most: int) -> Frames:
    loaded: Any = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
    if path.suffix.lower() == ".npz":
        with loaded:
            names = list(loaded.files)
            if "frames" not in names and len(names) != 1:
                raise RewardiumError(f"{path} needs an array 'frames', it has {names[:5]}")
            loaded = loaded["frames" if "frames" in names else names[0]]
    found = loaded[None] if loaded.ndim == 3 else loaded
    if found.dtype != np.uint8 or found.ndim != 4 or found.shape[3] != 3 or not found.size:
        raise RewardiumError(f"{path} must hold uint8 [T, H, W, 3], it holds {loaded.dtype} {loaded.shape}")
    return np.array(found[evenly_spaced(len(found), most)])


def _video(path: Path, most: int) -> Frames:
    try:
        import imageio.v3
    except ImportError as error:
        raise MissingExtraError("imageio", "mujoco") from error
    frames: list[Frames] = []
    taken = 0
    for frame in imageio.v3.imiter(path):
        frames.append(np.asarray(frame, dtype=np.uint8)[..., :3])
        taken += frames[-1].nbytes
        if taken > _MOST_BYTES:
            raise RewardiumError(f"{path} has more than {_MOST_BYTES:,} bytes of frames: cut the video")
    if not frames:
        raise RewardiumError(f"{path} has no frames")
    return np.stack([frames[index] for index in evenly_spaced(len(frames), most).tolist()])
