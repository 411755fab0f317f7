from __future__ import annotations

import json

import pytest

from rewardium.agents.checkpoints import STATE_FILE, keep_latest, latest_checkpoint, whole_folder


def write(root, step):
    with whole_folder(root / f"{step:08d}") as folder:
        (folder / STATE_FILE).write_text(json.dumps({"step": step}))
    return root / f"{step:08d}"


def fail_to_save(place):
    with whole_folder(place) as folder:
        (folder / STATE_FILE).write_text(json.dumps({"step": 2}))
        (folder / "other.json").write_text(json.dumps({"step": object()}))


def test_the_newest_is_the_one_of_the_largest_step(tmp_path):
    for step in (5, 20, 100_000_000, 10):
        write(tmp_path, step)
    assert latest_checkpoint(tmp_path) == tmp_path / "100000000"


def test_a_failed_save_leaves_the_old_one(tmp_path):
    folder = write(tmp_path, 1)
    with pytest.raises(TypeError):
        fail_to_save(folder)
    assert json.loads((folder / STATE_FILE).read_text()) == {"step": 1}
    assert latest_checkpoint(tmp_path) == folder


def test_a_save_replaces_what_is_there(tmp_path):
    folder = write(tmp_path, 1)
    (folder / "left_over").write_text("")
    write(tmp_path, 1)
    assert [path.name for path in folder.iterdir()] == [STATE_FILE]


def test_what_an_interrupted_save_left_is_no_checkpoint(tmp_path):
    (tmp_path / "00000005").mkdir()
    (tmp_path / ".00000007.partial").mkdir()
    (tmp_path / ".00000007.partial" / STATE_FILE).write_text('{"step": 7}')
    assert latest_checkpoint(tmp_path) is None


def test_the_newest_are_kept(tmp_path):
    for step in (1, 2, 3, 4):
        write(tmp_path, step)
    (tmp_path / ".00000009.partial").mkdir()
    keep_latest(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000003", "00000004"]
