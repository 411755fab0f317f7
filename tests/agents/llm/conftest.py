from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A character policy small enough that a training step takes milliseconds."""
    from rewardium.agents.llm.character import build_character_policy

    folder = tmp_path_factory.mktemp("policy") / "tiny"
    build_character_policy(folder, seed=0, hidden_size=32, num_layers=2, num_heads=2, max_length=128)
    return folder


@pytest.fixture
def policy(tiny_folder):
    from rewardium.agents.llm.policy import load_policy

    return load_policy(tiny_folder)
