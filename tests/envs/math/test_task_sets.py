"""Sets of tasks: what is read, what is left out and said, and what the data sets' layouts give."""

import gzip
import json
import logging
import pickle
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.envs.math import task_sets, task_sources
from rewardium.envs.math.task_rows import MAX_PROBLEM_LENGTH, BadRowError, level_of, read_row
from rewardium.envs.math.task_sets import NAMED_ROWS, SHIPPED, TaskSet, load_tasks, split_of
from rewardium.envs.math.task_sources import MAX_LINE_BYTES, read_lines
from rewardium.envs.task import Task

needs_datasets = pytest.mark.skipif(find_spec("datasets") is None, reason="needs the extra 'datasets'")
GOOD = '{"problem": "1 + 1?", "answer": "2"}'


def written(tmp_path, *lines, name="tasks.jsonl"):
    path = tmp_path / name
    data = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


# One row


@pytest.mark.parametrize(
    ("row", "goal", "reference", "fields"),
    [
        ({"problem": "p", "answer": "1"}, "p", "1", {}),
        ({"question": " p\n", "final_answer": " 1 "}, "p", "1", {}),
        ({"prompt": "p", "gold": "1"}, "p", "1", {}),
        ({"goal": "p", "reference": "1"}, "p", "1", {}),
        ({"problem": "p", "question": "q", "answer": "1"}, "p", "1", {"question": "q"}),
        ({"problem": None, "question": "q", "answer": "1"}, "q", "1", {"problem": None}),
        # Numbers as answers, written out.
        ({"problem": "p", "answer": 12}, "p", "12", {}),
        ({"problem": "p", "answer": -0.25}, "p", "-0.25", {}),
        ({"problem": "p", "answer": 1e-7}, "p", "0.0000001", {}),
        ({"problem": "p", "answer": 2.0}, "p", "2.0", {}),
        # GSM8K: the number after ####, its thousands without commas; the solution stays.
        (
            {"question": "p", "answer": "48/2 = 24\n48+24 = 72\n#### 1,072"},
            "p",
            "1072",
            {"solution": "48/2 = 24\n48+24 = 72\n#### 1,072"},
        ),
        ({"question": "p", "answer": "so\n#### -5"}, "p", "-5", {"solution": "so\n#### -5"}),
        ({"question": "p", "answer": "so\n#### (1,234)"}, "p", "(1,234)", {"solution": "so\n#### (1,234)"}),
        # MATH: the last box of the solution, level and type.
        (
            {"problem": "p", "solution": r"\boxed{1} no, \boxed{\frac{1}{2}}.", "level": "Level 3", "type": "Algebra"},
            "p",
            r"\frac{1}{2}",
            {"level": 3, "subject": "Algebra", "solution": r"\boxed{1} no, \boxed{\frac{1}{2}}."},
        ),
        # MATH-500, DeepScaleR, OpenR1: the answer goes before the solution.
        (
            {"problem": "p", "solution": r"\boxed{2}", "answer": "1,2", "subject": "Geometry", "level": 5, "id": 7},
            "p",
            "1,2",
            {"level": 5, "subject": "Geometry", "solution": r"\boxed{2}", "id": 7},
        ),
        (
            {"problem": "p", "answer": "1", "problem_type": "Algebra", "source": "olympiads"},
            "p",
            "1",
            {"subject": "Algebra", "source": "olympiads"},
        ),
        # A short solution without a box is the answer itself.
        ({"problem": "p", "solution": "$\\frac{1}{2}$"}, "p", "$\\frac{1}{2}$", {}),
        ({"problem": "p", "answer": r"\boxed{7}"}, "p", "7", {"solution": r"\boxed{7}"}),
        ({"problem": "p", "answer": "1", "level": "Level ?", "extra": [1, {"a": 2}]}, "p", "1",
         {"level": "Level ?", "extra": [1, {"a": 2}]}),
    ],
)  # fmt: skip
def test_rows(row, goal, reference, fields):
    task = read_row(row)
    assert (task.goal, task.reference, task.fields) == (goal, reference, fields)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (3, "it is no object but a number"),
        (["p", "1"], "it is no object but a list"),
        (None, "it is no object but null"),
        ({}, "it has no problem: none of problem, question, prompt, goal"),
        ({"problem": "p"}, "it has no answer: none of answer, final_answer, gold, reference, solution"),
        ({"problem": None, "answer": "1"}, "it has no problem"),
        ({"problem": " \n", "answer": "1"}, "the problem is empty"),
        ({"problem": 3, "answer": "1"}, "the problem is no text but a number"),
        ({"problem": [{"role": "user"}], "answer": "1"}, "the problem is no text but a list"),
        ({"problem": "p" * (MAX_PROBLEM_LENGTH + 1), "answer": "1"}, "the problem has 32769 characters"),
        ({"problem": "\ud800", "answer": "1"}, "half of a surrogate pair"),
        ({"problem": "p", "answer": "\ud800"}, "half of a surrogate pair"),
        ({"problem": "p", "answer": " "}, "the answer is empty"),
        ({"problem": "p", "answer": r"\boxed{ }"}, "the answer is empty"),
        ({"problem": "p", "answer": True}, "neither text nor a finite number but true"),
        ({"problem": "p", "answer": ["1"]}, "neither text nor a finite number but a list"),
        ({"problem": "p", "answer": {"value": 1}}, "neither text nor a finite number but an object"),
        ({"problem": "p", "answer": float("nan")}, "neither text nor a finite number but a number"),
        ({"problem": "p", "answer": 10**300}, "neither text nor a finite number but a number"),
        ({"problem": "p", "answer": "9" * 4001}, "the answer has 4001 characters"),
        ({"problem": "p", "solution": "First,\nthen 3."}, "the solution has no"),
        ({"problem": "p", "solution": "It is long. " * 20}, "the solution has no"),
    ],
)
def test_bad_rows_say_why(row, reason):
    with pytest.raises(BadRowError, match=reason):
        read_row(row)


def test_columns_may_have_other_names():
    columns = {"problem": "text", "answer": "key", "level": "stars", "subject": "area"}
    task = read_row({"text": "p", "key": 1, "stars": "4", "area": "Sets", "problem": "other"}, columns)
    assert (task.goal, task.reference) == ("p", "1")
    assert task.fields == {"level": 4, "subject": "Sets", "problem": "other"}
    with pytest.raises(BadRowError, match="it has no problem: none of text"):
        read_row({"problem": "p", "key": 1}, columns)


@pytest.mark.parametrize(
    ("level", "is_"),
    [
        ("Level 5", 5),
        ("level 12", 12),
        ("3", 3),
        (2, 2),
        (2.0, 2),
        (2.5, "2.5"),
        ("hard", "hard"),
        (True, "True"),
        ("1" * 400, "1" * 400),
    ],
)
def test_levels(level, is_):
    assert level_of(level) == is_


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["problem", "question", "answer", "solution", "level", "type", "other"])


@given(st.dictionaries(names, anything | st.text(alphabet="\\boxed{}#1,\n "), max_size=6))
@settings(deadline=None)
def test_a_row_is_a_task_or_a_bad_row(row):
    try:
        task = read_row(row)
    except BadRowError:
        return
    assert task.goal.strip()
    assert task.reference.strip()
    assert Task.from_option({"goal": task.goal, "reference": task.reference, **task.fields}) == task


# A file of JSON lines


def test_a_file_of_lines(tmp_path):
    path = written(
        tmp_path, '{"problem": "1 + 1?", "answer": 2, "level": 1}', "", '{"question": "größer? 🙂", "gold": "ja"}'
    )
    tasks = load_tasks(path)
    assert list(tasks) == [Task("1 + 1?", "2"), Task("größer? 🙂", "ja")]
    assert tasks[0].fields == {"level": 1}
    assert tasks.skipped.count == 0
    assert tasks.name == str(path)
    assert load_tasks(str(path)) == tasks


@pytest.mark.parametrize("name", ["tasks.jsonl", "tasks.jsonl.gz", "tasks.ndjson", "tasks.ndjson.gz"])
def test_byte_order_mark_line_ends_and_compression(tmp_path, name):
    path = written(tmp_path, b"\xef\xbb\xbf" + GOOD.encode() + b"\r", GOOD, name=name)
    assert list(load_tasks(path, strict=True)) == [Task("1 + 1?", "2")] * 2


def test_the_last_line_may_end_without_a_line_end(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text(f"{GOOD}\n{GOOD}", encoding="utf-8")
    assert len(load_tasks(path)) == 2


BAD_LINES = [
    ("{", "it is no JSON"),
    ("problem,answer", "it is no JSON"),
    ("[1, 2]", "it is no object but a list"),
    ('"text"', "it is no object but a str"),
    ('{"answer": "1"}', "it has no problem"),
    ('{"problem": "", "answer": "1"}', "the problem is empty"),
    ('{"problem": "p", "answer": []}', "neither text nor a finite number"),
    ('{"problem": "p", "answer": NaN}', "NaN is no number of JSON"),
    ('{"problem": "p", "answer": ' + "9" * 5000 + "}", "no JSON that can be read"),
    ('{"problem": "p", "answer": ' + "[" * 200_000, "nested too deeply"),
    (b'{"problem": "\xff", "answer": "1"}', "it is not UTF-8: byte 14"),
    ('{"problem": "\\ud800", "answer": "1"}', "half of a surrogate pair"),
    ('{"problem": "p", "answer": "' + "1" * MAX_LINE_BYTES + '"}', "it has more than 1000000 bytes"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_a_bad_line_is_named(tmp_path, line, reason):
    path = written(tmp_path, GOOD, "", line, GOOD)
    tasks = load_tasks(path)
    assert len(tasks) == 2
    assert tasks.skipped.count == 1
    ((place, why),) = tasks.skipped.first
    assert place == "line 3"
    assert reason in why
    assert len(why) < 200
    with pytest.raises(RewardiumError) as caught:
        load_tasks(path, strict=True)
    message = str(caught.value)
    assert f"{path}, line 3: " in message
    assert reason in message
    assert '{"problem": "What is 1/4 + 1/4?", "answer": "1/2"}' in message
    assert len(message) < 600 + len(str(path))


def test_bad_lines_are_logged_once_with_the_first_of_them(tmp_path, caplog):
    path = written(tmp_path, *["{"] * 25, GOOD)
    with caplog.at_level(logging.WARNING):
        tasks = load_tasks(path)
        assert load_tasks(path) is tasks
    (record,) = caplog.records
    assert record.name == task_sets.__name__
    message = record.getMessage()
    assert f"{path}: 25 of 26 rows are no tasks" in message
    assert "line 1: it is no JSON" in message
    assert f"line {NAMED_ROWS}: " in message
    assert f"line {NAMED_ROWS + 1}: " not in message
    assert tasks.skipped.count == 25
    assert len(tasks.skipped.first) == NAMED_ROWS


def test_a_file_that_changed_is_read_again(tmp_path):
    path = written(tmp_path, GOOD)
    assert len(load_tasks(path)) == 1
    written(tmp_path, GOOD, GOOD)
    assert len(load_tasks(path)) == 2


def test_a_long_line_is_not_held(tmp_path, monkeypatch):
    """What is read at a time stays below the bound, whatever a line's length."""
    path = tmp_path / "tasks.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write(b"x" * MAX_LINE_BYTES)
        file.write(b"\n" + GOOD.encode() + b"\n")
    sizes = []
    plain_open = gzip.open

    def watched(*arguments):
        file = plain_open(*arguments)
        readline = file.readline
        file.readline = lambda size: sizes.append(size) or readline(size)
        return file

    monkeypatch.setattr(task_sources.gzip, "open", watched)
    rows = list(read_lines(path))
    assert [(row.place, bool(row.fault)) for row in rows] == [("line 1", True), ("line 2", False)]
    assert max(sizes) <= MAX_LINE_BYTES + 1


def test_a_line_of_exactly_the_bound_is_read(tmp_path):
    frame = '{"problem": "p", "answer": "1", "more": ""}'
    line = frame.replace('""}', '"' + "x" * (MAX_LINE_BYTES - len(frame)) + '"}')
    assert len(line) == MAX_LINE_BYTES
    assert len(load_tasks(written(tmp_path, line), strict=True)) == 1
    assert load_tasks(written(tmp_path, GOOD, line.replace("xx", "xxx", 1))).skipped.count == 1


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "it holds no rows"),
        (["", " "], "it holds no rows"),
        (["{", "[]"], "every row is wrong: line 1: .* line 2: "),
    ],
)
def test_an_empty_set_is_an_error(tmp_path, lines, message):
    with pytest.raises(RewardiumError, match=f"there is no task; {message}"):
        load_tasks(written(tmp_path, *lines))


@pytest.mark.parametrize(
    "data", [b"no gzip at all", gzip.compress(GOOD.encode() * 99)[:-20], b""], ids=["text", "cut off", "empty"]
)
def test_a_broken_gzip_file_is_named(tmp_path, data):
    path = tmp_path / "tasks.jsonl.gz"
    path.write_bytes(data)
    with pytest.raises(RewardiumError, match=r"tasks\.jsonl\.gz"):
        load_tasks(path)


@pytest.mark.parametrize(
    "source",
    ["missing.jsonl", "folder/missing.parquet", "./missing", "/no/such/file", "a/b/c", "missing.csv", "~/no.json"],
)
def test_a_missing_file_is_named(source):
    with pytest.raises(RewardiumError, match="there is no task file or folder"):
        load_tasks(source)


def test_a_path_is_never_taken_for_a_name(tmp_path):
    with pytest.raises(RewardiumError, match="there is no task file or folder"):
        load_tasks(tmp_path / "gsm8k")


@pytest.mark.parametrize("source", [3, b"tasks.jsonl", "", "a\0b", ["tasks.jsonl"]])
def test_a_source_of_a_wrong_type_is_named(source):
    with pytest.raises(RewardiumError, match=r"tasks come from|neither a path nor"):
        load_tasks(source)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": ""}, "split must be the name"),
        ({"split": None}, "split must be the name"),
        ({"columns": {"problems": "x"}}, "did you mean 'problem'"),
        ({"columns": {"problem": 3}}, r"columns\['problem'\] must be"),
        ({"columns": "problem"}, "columns must be a mapping"),
        ({"subset": 3}, "subset must be"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(RewardiumError, match=message):
        load_tasks(**arguments)


# Splits


def test_splits_share_no_problem(tmp_path):
    path = written(tmp_path, *(json.dumps({"problem": f"{n} + 1?", "answer": n + 1}) for n in range(2000)))
    train, test, every = (load_tasks(path, split=split) for split in ("train", "test", "all"))
    assert not {task.goal for task in train} & {task.goal for task in test}
    assert len(train) + len(test) == len(every) == 2000
    assert 0.66 < len(train) / 2000 < 0.74
    assert train.name == f"{path} (train)"


def test_the_split_of_a_problem_never_changes():
    assert [split_of(Task(f"{n} + 1?", "")) for n in range(8)] == [
        "train", "train", "train", "test", "train", "train", "train", "test",
    ]  # fmt: skip
    assert split_of(Task(" 3 +\n 1? ", "")) == split_of(Task("3 + 1?", ""))


def test_rows_may_name_their_split(tmp_path):
    lines = [json.dumps({"problem": f"{n}?", "answer": n, "split": "dev" if n % 2 else "train"}) for n in range(10)]
    path = written(tmp_path, *lines)
    assert [task.reference for task in load_tasks(path, split="dev")] == ["1", "3", "5", "7", "9"]
    assert len(load_tasks(path, split="train")) == 5
    with pytest.raises(RewardiumError, match="no task in the split 'test'"):
        load_tasks(path, split="test")


# The set


def test_a_set_is_an_immutable_sequence():
    tasks = TaskSet([Task("a", "1"), Task("b", "2"), Task("a", "1")], name="mine")
    assert len(tasks) == 3
    assert tasks[-1] == tasks[0] == Task("a", "1")
    assert list(tasks[1:]) == [Task("b", "2"), Task("a", "1")]
    assert isinstance(tasks[1:], TaskSet)
    assert tasks.index(Task("b", "2")) == 1
    assert tasks.count(Task("a", "1")) == 2
    assert hash(tasks) == hash(TaskSet(tasks))
    assert repr(tasks) == "TaskSet('mine', 3 tasks, 0 rows skipped)"
    assert pickle.loads(pickle.dumps(tasks)) == tasks  # noqa: S301
    with pytest.raises(TypeError):
        tasks[0] = Task("c", "3")
    with pytest.raises(AttributeError):
        tasks.name = "yours"
    with pytest.raises(AttributeError):
        tasks.more = 1


@pytest.mark.parametrize("tasks", [[], [Task("a")], [Task("a", " ")], ["a"]])
def test_a_set_holds_tasks_with_references(tasks):
    with pytest.raises(RewardiumError, match="mine: "):
        TaskSet(tasks, name="mine")


FILTERED = TaskSet(
    [
        Task("a", "1", {"level": 1, "subject": "Algebra"}),
        Task("b", "2", {"level": 2, "subject": "Number Theory"}),
        Task("c", "3", {"level": 3, "subject": "algebra"}),
        Task("d", "4", {"level": "hard"}),
        Task("e", "5"),
    ]
)


@pytest.mark.parametrize(
    ("filters", "goals"),
    [
        ({}, "abcde"),
        ({"level": 1}, "a"),
        ({"level": "Level 2"}, "b"),
        ({"level": [1, "3"]}, "ac"),
        ({"level": range(2, 9)}, "bc"),
        ({"level": "hard"}, "d"),
        ({"subject": "ALGEBRA"}, "ac"),
        ({"subject": ("algebra", " number theory ")}, "abc"),
        ({"level": {2, 3}, "subject": "algebra"}, "c"),
    ],
)
def test_filters(filters, goals):
    assert "".join(task.goal for task in FILTERED.where(**filters)) == goals


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"level": 9}, r"no task has the level \(9,\); there is 1 \(1 tasks\), 2 \(1 tasks\)"),
        ({"subject": "chess"}, r"no task has the subject .*Algebra \(1 tasks\), Number Theory"),
        ({"level": 1, "subject": "number theory"}, "no task has the subject"),
        ({"level": []}, "level must be a value or a list"),
        ({"level": True}, "level must be a value or a list"),
        ({"level": 1.5}, "level must be a value or a list"),
        ({"subject": [None]}, "subject must be a value or a list"),
        ({"subject": {"a": 1}}, "subject must be a value or a list"),
    ],
)
def test_filters_that_leave_nothing_or_mean_nothing(filters, message):
    with pytest.raises(RewardiumError, match=message):
        FILTERED.where(**filters)


def test_draws_are_uniform_over_the_rows():
    tasks = TaskSet([Task("a", "1"), Task("b", "2"), Task("b", "2"), Task("c", "3")])
    random = np.random.default_rng(0)
    counts = Counter(tasks.draw(random).goal for _ in range(8000))
    assert counts["a"] == pytest.approx(2000, abs=150)
    assert counts["b"] == pytest.approx(4000, abs=200)
    assert counts["c"] == pytest.approx(2000, abs=150)


def test_the_shipped_set():
    tasks = load_tasks(strict=True)
    assert len(tasks) >= 360
    assert tasks.name.endswith(SHIPPED.rsplit("/", 1)[1])
    assert all({"level", "subject", "form", "template"} == set(task.fields) for task in tasks)
    assert len(load_tasks(split="train")) + len(load_tasks(split="test")) == len(tasks)
    assert 3 < len(tasks.where(level=1, subject="Algebra")) < len(tasks.where(level=[1, 2]))


# Data sets

GSM8K = [
    {"question": "Natalia sold 48 clips, and then half as many. How many?", "answer": "48/2 = 24\n48+24 = 72\n#### 72"},
    {"question": "A large one?", "answer": "It is <<3*400=1200>>1200.\n#### 1,200"},
]
MATH = [
    {"problem": r"Find $x$ if $2x = 1$.", "level": "Level 1", "type": "Algebra", "solution": r"So $\boxed{\frac12}$."},
    {"problem": "How many?", "level": "Level 5", "type": "Counting & Probability", "solution": r"$\boxed{1,\!000}$"},
    {"problem": "Prove it.", "level": "Level ?", "type": "Algebra", "solution": "Clear.\nQED."},
]


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    library = pytest.importorskip("datasets", reason="needs the extra 'datasets'")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    library.disable_progress_bars()
    yield library
    library.enable_progress_bars()


@pytest.mark.slow
def test_a_saved_data_set_with_splits(datasets, tmp_path):
    saved = tmp_path / "saved"
    datasets.DatasetDict(
        {"train": datasets.Dataset.from_list(GSM8K), "test": datasets.Dataset.from_list(GSM8K[:1])}
    ).save_to_disk(saved)
    train = load_tasks(saved, split="train")
    assert [task.reference for task in train] == ["72", "1200"]
    assert train[0].goal == GSM8K[0]["question"]
    assert train[0].fields["solution"] == GSM8K[0]["answer"]
    assert len(load_tasks(saved, split="test")) == 1
    assert len(load_tasks(saved, split="all")) == 3
    with pytest.raises(RewardiumError, match="has no split 'dev'; it has train, test, or 'all'"):
        load_tasks(saved, split="dev")


@pytest.mark.slow
def test_a_saved_data_set_without_splits(datasets, tmp_path):
    saved = tmp_path / "saved"
    datasets.Dataset.from_list(MATH).save_to_disk(saved)
    tasks = load_tasks(str(saved))
    assert [task.reference for task in tasks] == [r"\frac12", r"1,\!000"]
    assert [task.fields["level"] for task in tasks] == [1, 5]
    assert tasks.skipped.first == (
        ("row 3", r"the solution has no \boxed{} that is closed, and no line that begins with ####"),
    )
    assert [task.goal for task in tasks.where(subject="algebra")] == [MATH[0]["problem"]]
    splits = {task.goal: split_of(task) for task in tasks}
    for split in set(splits.values()):
        assert [task.goal for task in load_tasks(saved, split=split)] == [g for g, s in splits.items() if s == split]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "arrow", "json"])
def test_a_data_file(datasets, tmp_path, kind):
    rows = [{"task_text": "1 + 1?", "key": 2.5, "tags": ["a"], "more": {"deep": 1}, "id": 4, "ok": True}]
    dataset = datasets.Dataset.from_list(rows)
    path = tmp_path / f"tasks.{kind}"
    if kind == "arrow":
        dataset.save_to_disk(tmp_path / "saved")
        (tmp_path / "saved" / "data-00000-of-00001.arrow").rename(path)
    elif kind == "parquet":
        dataset.to_parquet(path)
    else:
        path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(RewardiumError, match="every row is wrong: row 1: it has no problem"):
        load_tasks(path)
    (task,) = load_tasks(path, columns={"problem": "task_text", "answer": "key"}, strict=True)
    assert (task.goal, task.reference) == ("1 + 1?", "2.5")
    assert task.fields == {"id": 4, "ok": True}  # lists and objects of a data set are not kept
    assert not list((tmp_path / "cache").rglob("*.arrow"))  # nothing is copied


@pytest.mark.slow
def test_a_folder_of_data_files(datasets, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    datasets.Dataset.from_list(MATH).to_parquet(folder / "train-00000-of-00001.parquet")
    datasets.Dataset.from_list(MATH[:1]).to_parquet(folder / "test-00000-of-00001.parquet")
    assert len(load_tasks(folder, split="train")) == 2
    assert len(load_tasks(folder, split="test")) == 1


@pytest.mark.slow
@needs_datasets
@pytest.mark.parametrize("name", ["tasks.parquet", "tasks.arrow", "tasks.json"])
def test_a_broken_data_file_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"neither of them")
    with pytest.raises(RewardiumError, match=f"cannot read the data set .*{name}"):
        load_tasks(path)


@pytest.mark.slow
@needs_datasets
def test_a_file_of_an_unknown_kind_is_named(tmp_path):
    path = tmp_path / "tasks.txt"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(RewardiumError, match=r"cannot tell the format .* \.jsonl, .*\.parquet"):
        load_tasks(path)


@needs_datasets
@pytest.mark.slow
def test_a_name_that_cannot_be_fetched_is_one_clear_error():
    code = (
        "from rewardium.envs.errors import RewardiumError\n"
        "from rewardium.envs.math.task_sets import load_tasks\n"
        "try:\n"
        "    load_tasks('rewardium-tests/there-is-none', split='train', subset='main')\n"
        "except RewardiumError as error:\n"
        "    print(error)\n"
    )
    environment = {"HF_HUB_OFFLINE": "1", "PATH": ""}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    assert "cannot read the data set 'rewardium-tests/there-is-none'" in line
    assert "a network or a filled cache" in line
    assert len(line) < 800


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    path = tmp_path / "tasks.parquet"
    path.write_bytes(b"PAR1")
    for source in (path, "openai/gsm8k"):
        with pytest.raises(MissingExtraError, match=r"rewardium\[datasets\]"):
            load_tasks(source)


def test_reading_lines_needs_no_library(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert len(load_tasks(written(tmp_path, GOOD))) == 1
    assert len(load_tasks()) >= 360
