from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "train_clip.py"
TINY = [
    "--states", "12", "--tasks", "rewardium/PendulumUpright-v0", "--clip.steps", "2", "--clip.batch-size", "8",
    "--clip.tasks-a-batch", "1",
]  # fmt: skip
pytest.importorskip("torch")


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("script_train_clip", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["train_clip", *map(str, arguments)])
        return module.main()

    return call


def test_a_model_is_trained_measured_and_used(script, tmp_path, capsys):
    pytest.importorskip("mujoco")
    pytest.importorskip("open_clip")
    from rewardium.rewards.models.vision_encoder import load_vision_encoder

    folder = tmp_path / "clip"
    assert script("--out", folder, *TINY) == 0
    assert "PendulumUpright" in capsys.readouterr().out
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "clip.yaml", "open_clip_config.json", "open_clip_model.safetensors",
    }  # fmt: skip
    assert (folder / "README.md").read_text().startswith("# A small CLIP")
    assert load_vision_encoder(str(folder), "cpu").image_size == 64
    assert script("--out", folder, *TINY) == 0  # a model of its own is replaced


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threads", 0], "threads"),
        (["--states", 1], "states"),
        (["--held-out", 1.0], "held_out"),
        (["--clip.steps", 0], "steps"),
    ],
    ids=str,
)
def test_wrong_settings_are_one_line(script, tmp_path, capsys, arguments, message):
    assert script("--out", tmp_path / "clip", *arguments) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("error:")
    assert message in shown


def test_nothing_of_others_is_overwritten(script, tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    assert script("--out", tmp_path / "thesis", *TINY) == 1
    assert "choose another --out" in capsys.readouterr().out
