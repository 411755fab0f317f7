import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs import missing_extra
from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.nethack.glyphs import CLASSES, class_table
from rewardium.envs.nethack.observations import MESSAGE_SIZE, hashed_words, read_crop

needs_extra = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


@given(st.text(max_size=300))
def test_bags_of_words_are_bounded_and_fixed(message):
    bag = hashed_words(message)
    assert bag.shape == (MESSAGE_SIZE,)
    assert bag.dtype == np.float32
    assert set(np.unique(bag)) <= {0.0, 1.0}
    assert np.array_equal(bag, hashed_words(message.upper())) or not message.isascii()


def test_bags_tell_messages_apart():
    messages = ["The door opens.", "This door is locked.", "You see here a key.", "It's a wall.", ""]
    assert len({hashed_words(message).tobytes() for message in messages}) == len(messages)


@pytest.mark.parametrize("crop", [0, 2, -3, 9.0, "9", (9,), (3, 4), True, 1001])
def test_wrong_crops_are_refused(crop):
    with pytest.raises(RewardiumError, match="crop"):
        read_crop(crop)


@needs_extra
def test_every_glyph_has_a_class_and_known_ones_the_right_one():
    table = class_table()
    assert table.max() < len(CLASSES)

    def name(symbol):
        return CLASSES[table[2359 + symbol]]

    assert [name(symbol) for symbol in (0, 1, 12, 13, 15, 19, 21, 23, 24, 27, 30, 32, 34, 42)] == [
        "unseen", "wall", "doorway", "open door", "closed door", "floor", "corridor", "stairs up", "stairs down",
        "altar", "sink", "water", "lava", "trap",
    ]  # fmt: skip


@needs_extra
@pytest.mark.parametrize("crop", [3, 9, (5, 21), None])
def test_planes_show_the_map(crop):
    env = NetHackEnv("MiniHack-KeyRoom-S5", "image", crop=crop)
    planes, _ = env.reset(seed=1)
    for action in (0, 1, 2, 3, 4, 5, 6, 7, 8):
        assert planes in env.observation_space
        assert np.array_equal(planes.sum(axis=0, dtype=np.int64), np.full(planes.shape[1:], 255))
        column, row = env.game.buffers["blstats"][:2].tolist()
        glyphs = env.game.buffers["glyphs"]
        height, width = planes.shape[1:]
        top, left = (0, 0) if crop is None else (row - height // 2, column - width // 2)
        for y in range(height):
            for x in range(width):
                inside = 0 <= top + y < 21 and 0 <= left + x < 79
                expected = class_table()[glyphs[top + y, left + x]] if inside else 0
                if (top + y, left + x) == (row, column):
                    expected = CLASSES.index("player")
                assert planes[:, y, x].argmax() == expected
        planes = env.step(action)[0]
    env.close()


@needs_extra
def test_features_hold_state_message_inventory_and_action():
    env = NetHackEnv("MiniHack-KeyRoom-S5", "features")
    features, _ = env.reset(seed=1)
    assert features in env.observation_space
    assert not features[-10:].any()
    blstats = env.game.buffers["blstats"]
    assert features[0] == np.float32(blstats[0] / 78)
    assert features[2] == 1.0  # HP
    assert np.array_equal(features[28 : 28 + MESSAGE_SIZE], hashed_words(" ".join(env.game.messages())))
    tools = 28 + MESSAGE_SIZE + 6
    buffers = env.game.buffers
    carried = int((buffers["inv_oclasses"][buffers["inv_letters"] != 0] == 6).sum())  # a lock pick, a sack
    assert carried
    assert features[tools] == carried / 8
    after = env.step(9)[0]
    assert after[-10:].tolist() == [0.0] * 9 + [1.0]
    env.close()


@needs_extra
@pytest.mark.parametrize("game", ["NetHackScore", "MiniHack-Quest-Easy", "MiniHack-River"])
def test_random_play_stays_in_the_space(game):
    env = NetHackEnv(game, "map_features")
    env.action_space.seed(0)
    for seed in range(2):
        observation, _ = env.reset(seed=seed)
        for _ in range(100):
            assert observation in env.observation_space
            observation, _, terminated, _, _ = env.step(env.action_space.sample())
            if terminated:
                assert observation in env.observation_space
                break
    env.close()
