"""Run the Python of the documents: the blocks of each section, in order, as one program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def programs() -> list[tuple[str, str, str]]:
    """Return each section's name, its blocks of Python joined, and the output that it shows (``text`` blocks)."""
    found = []
    for document in ("README.md", "CONTRIBUTING.md", "docs/verifier.md"):
        sections = re.split(r"^## +(.*)$", (ROOT / document).read_text(encoding="utf-8"), flags=re.MULTILINE)
        for title, text in zip(["opening", *sections[1::2]], sections[::2], strict=True):
            blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
            output = re.findall(r"^```\n\n```text\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
            if blocks:
                found.append((f"{document}: {title}", "\n".join(blocks), "".join(output)))
    return found


PROGRAMS = programs()


def test_the_guides_have_examples():
    titles = [name for name, _, _ in PROGRAMS]
    for guide in ("Add a reward", "Add an environment", "Add an objective"):
        assert f"CONTRIBUTING.md: {guide}" in titles


def test_the_readme_shows_what_its_examples_print():
    assert {name for name, _, output in PROGRAMS if output} >= {"README.md: Eight lines", "README.md: Rewards"}


@pytest.mark.parametrize(("name", "program", "output"), PROGRAMS, ids=[name for name, _, _ in PROGRAMS])
def test_the_example_runs_and_prints_what_the_document_shows(name, program, output, tmp_path):
    file = tmp_path / "example.py"
    file.write_text(program, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, file], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert result.returncode == 0, result.stderr
    assert output in result.stdout
