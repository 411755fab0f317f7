import gymnasium as gym
import pytest

from rewardium.envs import missing_extra
from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.nethack.oracle import Oracle

pytestmark = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


@pytest.mark.parametrize(
    "name",
    ["KeyRoom-S5", "KeyRoom-Dark-S15", "KeyHalls", "KeyRiver", "LavaCrossingS9N1", "MazeWalk-9x9", "Room-15x15"],
)
def test_the_oracle_solves(name):
    env = gym.make(f"rewardium/MiniHack-{name}-v0", observation="features")
    for seed in range(4):
        env.reset(seed=seed)
        oracle, ended = Oracle(env.unwrapped), False
        while not ended:
            _, reward, terminated, truncated, info = env.step(oracle.act())
            ended = terminated or truncated
        assert info["success"]
        assert reward == 1.0
    env.close()


def test_what_it_does_not_know_it_refuses():
    env = NetHackEnv("MiniHack-LavaCross-Levitate-Potion-Inv-Restricted")
    env.reset(seed=0)
    with pytest.raises(RewardiumError, match="knows no way"):
        Oracle(env).act()
    env.close()
    with pytest.raises(RewardiumError, match="NetHackEnv"):
        Oracle(gym.make("rewardium/RandomCalculation-v0"))
