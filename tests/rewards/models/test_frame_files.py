from __future__ import annotations

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.frame_files import evenly_spaced, read_frames

PIL_Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def frames():
    return np.random.default_rng(0).integers(0, 256, (7, 6, 8, 3), dtype=np.uint8)


def test_arrays_and_pictures_are_read_as_they_are(frames, tmp_path):
    np.save(tmp_path / "a.npy", frames)
    np.savez(tmp_path / "b.npz", frames=frames, actions=np.zeros(7))
    np.savez(tmp_path / "c.npz", frames)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, frame in enumerate(frames):
        PIL_Image.fromarray(frame).save(folder / f"{index:03}.png")
    for path in (tmp_path / "a.npy", tmp_path / "b.npz", tmp_path / "c.npz", folder):
        np.testing.assert_array_equal(read_frames(path), frames)
        np.testing.assert_array_equal(read_frames(str(path), most=3), frames[[0, 3, 6]])
    np.testing.assert_array_equal(read_frames(folder / "003.png"), frames[3:4])
    np.save(tmp_path / "one.npy", frames[0])
    np.testing.assert_array_equal(read_frames(tmp_path / "one.npy"), frames[:1])


def test_videos_are_read(tmp_path):
    imageio = pytest.importorskip("imageio.v3")
    shown = np.stack([np.full((16, 16, 3), 40 * index, dtype=np.uint8) for index in range(5)])
    imageio.imwrite(tmp_path / "swing.gif", shown)
    read = read_frames(tmp_path / "swing.gif", most=3)
    assert read.shape == (3, 16, 16, 3)
    np.testing.assert_allclose(read.mean(axis=(1, 2, 3)), [0, 80, 160], atol=8)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.npy", None, "no such file"),
        ("broken.png", b"\x89PNG no picture", "cannot read the frames"),
        ("broken.npy", b"\x93NUMPY nothing", "cannot read the frames"),
        ("object.npy", np.array([{"a": 1}], dtype=object), "cannot read the frames"),
        ("float.npy", np.zeros((2, 4, 4, 3), np.float32), "must hold uint8"),
        ("grey.npy", np.zeros((2, 4, 4), np.uint8), "must hold uint8"),
        ("empty.npy", np.zeros((0, 4, 4, 3), np.uint8), "must hold uint8"),
        ("text.txt", b"hello", "neither a folder nor a file of a known kind"),
    ],
)
def test_what_is_no_frame_is_one_clear_error(tmp_path, name, content, words):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    with pytest.raises(RewardiumError, match=words):
        read_frames(path)


def test_folders_without_pictures_and_of_several_sizes(tmp_path):
    with pytest.raises(RewardiumError, match="has no pictures"):
        read_frames(tmp_path)
    for size in (4, 5):
        PIL_Image.fromarray(np.zeros((size, 4, 3), np.uint8)).save(tmp_path / f"{size}.png")
    with pytest.raises(RewardiumError, match="several sizes"):
        read_frames(tmp_path)


@pytest.mark.parametrize(("number", "most"), [(1, 1), (10, 1), (10, 2), (10, 9), (1000, 300)])
def test_evenly_spaced_indices_are_distinct_and_in_range(number, most):
    found = evenly_spaced(number, most)
    assert len(set(found.tolist())) == min(number, most)
    assert found[0] == 0
    assert most == 1 or found[-1] == number - 1
