import os

import numpy as np

from rewardium.envs.mujoco.shared_arrays import layout_size, map_arrays, open_memory

LAYOUT = {
    "frames": ((3, 5, 7, 3), "uint8"),
    "rewards": ((3,), "float64"),
    "ended": ((3,), "bool"),
    "nothing": ((0, 4), "uint8"),
    "observations": ((3, 11), "float32"),
}


def test_arrays_do_not_overlap_and_are_seen_by_all():
    memory = open_memory(layout_size(LAYOUT))
    mine, theirs = map_arrays(memory, LAYOUT), map_arrays(memory, LAYOUT)
    os.close(memory)
    for number, name in enumerate(LAYOUT, start=1):
        mine[name][...] = number
    for number, (name, (shape, dtype)) in enumerate(LAYOUT.items(), start=1):
        assert theirs[name].shape == shape
        assert theirs[name].dtype == dtype
        assert (theirs[name] == np.array(number, dtype)).all()


def test_another_process_sees_them():
    memory = open_memory(layout_size(LAYOUT))
    arrays = map_arrays(memory, LAYOUT)
    child = os.fork()
    if child == 0:
        map_arrays(memory, LAYOUT)["rewards"][:] = [1, 2, 3]
        os._exit(0)
    os.waitpid(child, 0)
    os.close(memory)
    assert arrays["rewards"].tolist() == [1, 2, 3]
