import re

import pytest

from rewardium.envs import catalogue
from rewardium.envs.catalogue import Paper, implementations, implements, paper_named, papers, record
from rewardium.envs.errors import RewardiumError
from rewardium.envs.registration import read_entries


@pytest.fixture(autouse=True)
def own_records(monkeypatch):
    monkeypatch.setattr(catalogue, "_IMPLEMENTED", {})


def test_every_paper_has_its_facts():
    assert len(papers()) == 116
    months = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
    for key, paper in papers().items():
        assert key == paper.key
        assert re.fullmatch(r"[AB]\d{1,2}", key), paper
        assert paper.also == "" or re.fullmatch(r"B\d{1,2}", paper.also), paper
        assert all((paper.name, paper.title, *paper.mechanisms)), paper
        assert re.fullmatch(rf"({months}) 20[0-2]\d", paper.published), paper
    assert len({paper.title for paper in papers().values()}) == 116
    keys = [key for paper in papers().values() for key in (paper.key, paper.also) if key]
    assert len(keys) == len(set(keys)) == 55 + 74


def test_both_keys_name_one_paper():
    assert paper_named("B70") is paper_named("A7")
    with pytest.raises(RewardiumError, match="unknown paper 'A77'"):
        paper_named("A77")


def test_what_implements_a_paper_is_known_by_its_first_key():
    record("reward one", ("B70", "A1"))
    record("reward one", ("A7",))
    record("objective two", ("A7",))
    assert implementations() == {"A7": ("objective two", "reward one"), "A1": ("reward one",)}


def test_a_class_or_function_says_what_it_implements():
    @implements("A8")
    def distance() -> None: ...

    @implements("B7", what="credit by turn")
    class Critic: ...

    assert implementations()["A8"][0].endswith("distance")
    assert implementations()["B7"] == ("credit by turn",)
    assert distance() is None
    assert Critic()


@pytest.mark.parametrize("keys", ["A1", ("C1",), ("",)])
def test_what_is_no_tuple_of_keys_is_refused(keys):
    with pytest.raises(RewardiumError):
        record("reward one", keys)
    assert implementations() == {}


def test_an_environment_names_its_papers():
    row = '{"id": "rewardium/X-v0", "entry_point": "X", "papers": ["A6"]}'
    assert read_entries(f"REGISTRATION = [{row}]", "m")[0].papers == ("A6",)
    assert read_entries('REGISTRATION = [{"id": "rewardium/X-v0", "entry_point": "X"}]', "m")[0].papers == ()


def test_the_table_is_read_once():
    assert papers() is papers()
    assert isinstance(next(iter(papers().values())), Paper)
