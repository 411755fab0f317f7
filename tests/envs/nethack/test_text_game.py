import gymnasium as gym
import pytest
from gymnasium.error import ResetNeeded

from rewardium.envs import missing_extra
from rewardium.envs.caption import message_of
from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.nethack.oracle import Oracle
from rewardium.envs.nethack.text_game import NetHackTextEnv

pytestmark = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


@pytest.fixture
def env():
    env = NetHackTextEnv("MiniHack-KeyRoom-S5", max_turns=20, render_mode="ansi", track_events=True)
    env.reset(seed=1)
    yield env
    env.close()


def test_the_first_observation_says_what_to_do(env):
    observation, info = env.reset(seed=1)
    assert observation.startswith(info["task"].goal)
    assert "Actions: north, east, south, west, northeast" in observation
    assert "You carry: a - a +0 short sword" in observation
    assert "Map:\n" in observation


@pytest.mark.parametrize(
    "text", ["north", "NORTH", " North.\n", "The key is east of me.\nAction: **north**", "go north!"]
)
def test_a_name_is_a_step(env, text):
    observation, _, _, _, info = env.step(text)
    assert info["action"] == "north"
    assert observation.startswith("Action: north\nMessage: ")


@pytest.mark.parametrize(
    "text", ["north or south", "", "fly", "n", "north\nsouth please, or east", "x" * 10**6, None, 7]
)
def test_what_names_no_action_is_no_step_of_the_game(env, text):
    before = env.env.caption()
    observation, reward, terminated, truncated, info = env.step(text)
    assert (reward, terminated, truncated, info["success"], info["action"], info["events"]) == (
        0.0, False, False, False, "", (),
    )  # fmt: skip
    assert observation.startswith("There is no action ")
    assert "north, east" in observation
    assert len(observation) < 2000
    assert env.env.caption() == before


def test_unknown_names_count_as_turns(env):
    for turn in range(20):
        assert env.step("dance")[3] == (turn == 19)
    with pytest.raises(ResetNeeded):
        env.step("north")


def test_the_twin_plays_the_same_game_as_the_control_environment():
    text, control = NetHackTextEnv("MiniHack-KeyRoom-S5"), NetHackEnv("MiniHack-KeyRoom-S5", "text")
    assert text.reset(seed=9)[0] == control.reset(seed=9)[0]
    for action in (0, 3, 8, 9, 5):
        told, expected = text.step(text.action_names[action]), control.step(action)
        assert told[:4] == expected[:4]
    text.close()
    control.close()


def test_a_solved_game_terminates():
    env = gym.make("rewardium/MiniHack-KeyRoom-S5-Text-v0", track_events=True)
    env.reset(seed=2)
    oracle = Oracle(env.unwrapped.env)
    terminated, said = False, []
    while not terminated:
        name = env.unwrapped.action_names[oracle.act()]
        observation, reward, terminated, truncated, info = env.step(f"I choose {name.upper()}")
        said.append(message_of(observation))
    assert (reward, truncated, info["success"]) == (1.0, False, True)
    assert any("You succeed in unlocking the door." in message for message in said)
    env.close()


def test_one_character_answers_a_question():
    env = NetHackTextEnv("MiniHack-Zap", track_events=True)
    env.reset(seed=0)
    assert "answer with one character" in env.env.introduction()
    observation = env.step("wield")[0]
    assert "What do you want to wield?" in observation
    assert "no action 'E'" not in env.step("b")[0]
    env.close()
    env = NetHackTextEnv("MiniHack-Zap")
    env.reset(seed=0)
    assert env.step("b")[4]["action"] == ""  # no question, no key
    env.close()


def test_all_that_was_said_is_rendered(env):
    env.step("north")
    env.step("my response \ud800")
    shown = env.render()
    assert "my response ?" in shown
    assert "Pick up the key" in shown


@pytest.mark.parametrize("arguments", [{"max_turns": 0}, {"max_turns": True}, {"render_mode": "rgb_array"}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(RewardiumError):
        NetHackTextEnv("MiniHack-Eat", **arguments)
