import pytest

from rewardium.envs import missing_extra
from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.compilation import compile_level, read_description

pytestmark = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


def test_a_description_is_compiled_once():
    description = read_description("key_and_door.des")
    assert compile_level(description) is compile_level(description)
    assert b"mylevel" in compile_level(description)


def test_what_the_compiler_says_is_in_the_error():
    with pytest.raises(RewardiumError, match="line 3"):
        compile_level("MAZE: \"mylevel\", ' '\nFLAGS: hardfloor\nNONSENSE: 3\n")


def test_a_missing_file_is_named():
    with pytest.raises(RewardiumError, match=r"absent\.des"):
        read_description("absent.des")
