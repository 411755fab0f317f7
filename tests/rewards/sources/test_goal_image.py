from __future__ import annotations

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")
from PIL import Image  # noqa: E402

from rewardium.rewards.sources._clip import example_clip, mean_direction  # noqa: E402
from rewardium.rewards.sources.goal_image import GoalImage, read_picture  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def pictures(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"goal{number}.png" for number in range(3)]
    for path, frame in zip(paths, frames, strict=True):
        Image.fromarray(frame).save(path)
    return [str(path) for path in paths]


def seen(*frames):
    return TransitionBatch.from_transitions([Transition(0, 0, 0, frame=frame) for frame in frames])


def test_it_is_the_cosine_with_the_goal(frames, pictures):
    source = GoalImage(example_clip().name, pictures[0])
    score = source.score(seen(*frames, None))
    images = source.encoder.encode_images(frames)
    np.testing.assert_allclose(score.value[:3], images @ images[0], atol=1e-6)
    assert score.value[0] == pytest.approx(1.0, abs=1e-6)
    assert score.valid.tolist() == [True, True, True, False]
    assert list(score.reasons) == [None, None, None, "the row has no frame"]


def test_several_pictures_are_their_mean(frames, pictures):
    source = GoalImage(example_clip().name, pictures[:2])
    images = source.encoder.encode_images(frames)
    expected = images @ mean_direction(images[:2])
    np.testing.assert_allclose(source.score(seen(*frames)).value, expected, atol=1e-6)


def test_pictures_may_differ_in_size(frames, pictures, tmp_path):
    Image.fromarray(np.zeros((50, 40, 3), dtype=np.uint8)).save(tmp_path / "other.jpg")
    source = GoalImage(example_clip().name, [pictures[0], str(tmp_path / "other.jpg")])
    assert source.score(seen(*frames)).valid.all()


def test_a_flag_may_name_the_model_later(frames, pictures):
    source = rewards.parse(f"goal_image(image={pictures[0]!r})")
    with pytest.raises(RewardiumError, match="--clip"):
        source.score(seen(*frames))


def test_pictures_with_other_colours_are_read_as_rgb(tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(np.full((4, 5), 7, dtype=np.uint8)).save(path)
    picture = read_picture(str(path))
    assert picture.shape == (4, 5, 3)
    assert (picture == 7).all()


@pytest.mark.parametrize("content", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 50], ids=str)
def test_a_picture_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "goal.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RewardiumError, match="cannot read the goal's picture"):
        GoalImage(example_clip().name, str(path))


def test_a_picture_that_is_too_large(tmp_path):
    path = tmp_path / "goal.png"
    Image.new("1", (5000, 10)).save(path)
    with pytest.raises(RewardiumError, match="at most 4096"):
        GoalImage("", str(path))


@pytest.mark.parametrize("image", [(), "", [""], 3, [None]], ids=str)
def test_the_picture_must_be_named(image):
    with pytest.raises(RewardiumError, match="'image'"):
        GoalImage("", image)
