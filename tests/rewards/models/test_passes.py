from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.models.passes import cheapest_plan

TEXTS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 12)), max_size=25)


@given(TEXTS, st.integers(1, 200), st.integers(1, 60), st.booleans())
def test_every_text_is_read_once_and_within_the_bounds(sizes, budget, positions, sharing):
    texts = [(tuple(range(context)), tuple(range(target))) for context, target in sizes]
    plan = cheapest_plan(texts, budget, positions, sharing=sharing)
    assert sorted(row for part in plan for row in part.rows) == list(range(len(texts)))
    for part in plan:
        assert sharing or not part.shared
        if len(part.rows) > 1:
            lengths = [len(texts[row][0]) + len(texts[row][1]) - 1 for row in part.rows]
            assert len(lengths) * max(lengths) <= budget
            assert sum(len(texts[row][1]) for row in part.rows) <= positions


def test_texts_of_like_length_share_a_pass():
    texts = [((1,), (1,) * length) for length in (9, 1, 8, 2)]
    assert [sorted(part.rows) for part in cheapest_plan(texts, 18, 100, sharing=True)] == [[1, 3], [0, 2]]


def test_a_context_is_shared_where_that_saves_work():
    long, short = tuple(range(40)), (1, 2)
    assert all(part.shared for part in cheapest_plan([(long, (3, 4))] * 8, 1000, 1000, sharing=True))
    assert not any(part.shared for part in cheapest_plan([(short, (3,) * 40)] * 8, 1000, 1000, sharing=True))
    assert not any(part.shared for part in cheapest_plan([((1,), (3, 4))] * 8, 1000, 1000, sharing=True))
