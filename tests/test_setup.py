"""The scripts behind ``make`` on machines unlike this one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def machine(tmp_path):
    """Return a function that puts a fake program first on the PATH, and one that runs a script there."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def fake(name: str, script: str) -> Path:
        program = folder / name
        program.write_text(f"#!/bin/bash\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        return program

    def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **variables}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    return fake, run


def test_without_root_a_missing_system_package_is_named_in_one_line(machine):
    fake, run = machine
    python = fake("python3", "exit 1")
    fake("id", "echo 1000")
    result = run(".ci/system_packages", python, "venv,llm")
    assert result.returncode == 1
    assert (
        result.stderr == "error: system packages are missing; install them with: sudo apt-get install -y python3-venv\n"
    )


def test_root_installs_a_missing_system_package(machine, tmp_path):
    fake, run = machine
    python = fake("python3.12", "exit 1")
    fake("id", "echo 0")
    fake("apt-get", f'echo "$*" >> {tmp_path}/calls')
    assert run(".ci/system_packages", python, "venv").returncode == 0
    assert (tmp_path / "calls").read_text().endswith("install -y -qq --no-install-recommends python3.12-venv\n")


def test_what_works_or_is_not_asked_for_is_not_missing(machine):
    fake, run = machine
    assert run(".ci/system_packages", fake("python3", "exit 0"), "venv,llm").stderr == ""
    assert run(".ci/system_packages", fake("python3", "exit 1"), "llm").stderr == ""


def test_an_old_python_is_one_clear_error(machine, tmp_path):
    fake, run = machine
    (tmp_path / "clone/.ci").mkdir(parents=True)
    setup = shutil.copy(ROOT / ".ci/setup", tmp_path / "clone/.ci/setup")  # a clone that has no .venv yet
    result = run(setup, "llm", PYTHON=str(fake("old", "exit 1")))
    assert result.returncode == 1
    assert result.stderr.startswith("error: Python 3.11 or newer is needed")
    assert result.stderr.count("\n") == 1


def test_an_incomplete_environment_is_noticed():
    check = [sys.executable, ROOT / ".ci/installed.py"]
    assert subprocess.run([*check, "dev"], check=False).returncode == 0
    assert subprocess.run([sys.executable, "-S", ROOT / ".ci/installed.py", "dev"], check=False).returncode == 1
