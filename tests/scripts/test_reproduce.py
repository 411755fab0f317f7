from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch):
    spec = importlib.util.spec_from_file_location("script_reproduce", ROOT / "scripts" / "reproduce.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["reproduce", *map(str, arguments)])
        return module.main()

    return call


def test_the_page_is_in_step_with_what_is_registered(script, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert script("--page", tmp_path / "catalogue.md") == 0
    written, shipped = ((folder / "catalogue.md").read_text() for folder in (tmp_path, ROOT / "docs"))
    assert written == shipped, "run python scripts/reproduce.py --list --page docs/catalogue.md"


def test_the_table_shows_all_or_one_state(script, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    assert script("--list") == 0
    everything = capsys.readouterr().out
    assert "ToolRL" in everything
    assert "reward tool_rl" in everything
    assert "116 systems" in everything
    assert script("--list", "--state", "not yet") == 0
    waiting = capsys.readouterr().out
    assert "ToolRL" not in waiting
    assert "116 systems" in waiting


def test_nothing_asked_for_is_an_error(script, capsys):
    assert script() == 1
    assert "give --list" in capsys.readouterr().out


def test_a_bad_result_is_one_clear_error(script, tmp_path, capsys):
    (tmp_path / "A1.json").write_text("{")
    assert script("--list", "--results", tmp_path) == 1
    shown = capsys.readouterr().out
    assert "A1.json is no result" in shown
    assert "Traceback" not in shown
