from __future__ import annotations

import importlib.util
import json
import random
import re
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from rewardium.envs.errors import RewardiumError

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
COLUMNS = [
    "kind", "verifier", "pairs", "pairs per second", "median ms", "p99 ms", "worst ms", "accuracy", "false positives",
    "false negatives", "stopped",
]  # fmt: skip


def load_script(name):
    spec = importlib.util.spec_from_file_location(f"rewardium_script_{name}", SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


driver = load_script("benchmark")
benchmark = driver.load_benchmarks()["verify"]
converter = load_script("pairs_from_tests")
pairs = sys.modules["_verify_pairs"]
families = sys.modules["_verify_families"]
peer = sys.modules["_verify_peer"]


def write_rows(file, *rows):
    file.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return file


# The pairs that are made.


def test_the_seed_makes_the_pairs():
    made = pairs.make_pairs(3, seed=5)
    assert made == pairs.make_pairs(3, seed=5)
    assert made != pairs.make_pairs(3, seed=6)
    assert made[:2] == pairs.make_pairs(2, seed=5)[:2], "more pairs of a kind begin with the same ones"


def test_no_text_comes_twice_and_all_is_known():
    made = pairs.make_pairs(300, seed=1)
    for kind in pairs.KINDS:
        of_kind = [pair for pair in made if pair.kind == kind]
        assert len(of_kind) == len({pair.gold for pair in of_kind}) == len({pair.answer for pair in of_kind}) == 300
    expected = {kind: {pair.expected for pair in made if pair.kind == kind} for kind in pairs.KINDS}
    assert expected == {
        pairs.NUMERIC: {True, False}, pairs.CORRECT: {True}, pairs.WRONG: {False}, pairs.ADVERSARIAL: {False},
    }  # fmt: skip
    assert 0.3 < sum("boxed" in pair.answer for pair in made if pair.kind == pairs.CORRECT) / 300 < 0.7


def one_of_seven(rng, number):
    return pairs.Pair(f"{rng.randint(1, 7)}", f"{number}", kind="few")


def test_what_runs_out_is_said():
    with pytest.raises(RewardiumError, match="no more than 7 pairs of the kind 'few'"):
        list(pairs.distinct(one_of_seven, 8, random.Random(0)))


def value_of(text):
    """Read a number as the generator writes it, in another way than a verifier would."""
    text = text.replace("\\%", "%").replace(",", "")
    found = re.fullmatch(r"(-?)\\d?frac\{(\d+)\}\{(\d+)\}", text)
    if found:
        return Fraction(int(found[2]), int(found[3])) * (-1 if found[1] else 1)
    return Fraction(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def test_numbers_are_right_and_wrong_as_said():
    rng = random.Random(0)
    for _ in range(2000):
        gold, right, wrong = families.numbers(rng)
        assert gold != right
        assert value_of(gold) == value_of(right)
        assert abs(value_of(wrong) - value_of(gold)) * 100 >= abs(value_of(gold))
        assert value_of(gold) not in (value_of(wrong) * 100, value_of(wrong) / 100)


@pytest.mark.parametrize("family", families.SYMBOLIC, ids=lambda family: family.__name__)
def test_expressions_are_right_and_wrong_as_said(family):
    latex2sympy = pytest.importorskip("latex2sympy2_extended").latex2sympy
    rng = random.Random(3)
    for _ in range(2):
        gold, right, wrong = (latex2sympy(text) for text in family(rng))
        assert same(gold, right)
        assert not same(gold, wrong)


def same(first, second):
    """Whether two objects of sympy have the same value, at one point that belongs to no special case."""
    import sympy

    if isinstance(first, sympy.MatrixBase):
        return all(same(one, other) for one, other in zip(first, second, strict=True))
    if isinstance(first, (tuple, sympy.Tuple)):
        return all(same(one, other) for one, other in zip(first, second, strict=True))
    if isinstance(first, sympy.Set):
        return sympy.simplify(first) == sympy.simplify(second)
    if isinstance(first, sympy.Eq):
        return not sympy.simplify((first.lhs - first.rhs) / (second.lhs - second.rhs)).free_symbols
    names = sorted({symbol.name for symbol in first.free_symbols | second.free_symbols})
    point = {name: sympy.Rational(3 * at + 1, 7) for at, name in enumerate(names)} | {"i": sympy.I}
    values = []
    for expression in (first, second):
        at_point = expression.subs({symbol: point[symbol.name] for symbol in expression.free_symbols})
        values.append(complex(at_point.evalf(30)))
    return abs(values[0] - values[1]) < 1e-12 * (1 + abs(values[0]))


def test_adversarial_answers_are_as_large_as_promised():
    rng = random.Random(0)
    answers = {family.__name__: family(rng)[1] for family in sys.modules["_verify_adversarial"].ADVERSARIAL}
    assert answers["nested_parentheses"].count("(") >= 2000
    assert answers["million_digits"].count("7") >= 1_000_000
    assert answers["open_braces"].count("{") >= 1000
    assert len(answers["large_text"]) >= 1_000_000
    assert all(len(answers[name]) < 60 for name in ("power_tower", "heavy_power", "factorial_of_factorial"))


# The pairs of a file.


def test_a_file_of_pairs(tmp_path):
    file = write_rows(
        tmp_path / "pairs.jsonl",
        {"gold": "1", "answer": "2"},
        "",
        {"gold": "x\u2028", "answer": "y", "expected": 1, "kind": "k", "wrap": False, "precision": 3, "more": []},
        {"gold": "1", "answer": "2", "expected": False},
    )
    read, repeated = pairs.read_pairs(file)
    assert read == [pairs.Pair("1", "2"), pairs.Pair("x\u2028", "y", True, "k", False, {"precision": 3})]
    assert repeated == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "must be a JSON object"),
        ("[1, 2]", "must be a JSON object, got [1, 2]"),
        ({"answer": "1"}, "'gold' must be a text, got None"),
        ({"gold": " ", "answer": "1"}, "'gold' is empty"),
        ({"gold": "1", "answer": 5}, "'answer' must be a text, got 5"),
        ({"gold": "1", "answer": "1", "expected": "yes"}, "'expected' must be true, false, 1, 0 or null, got yes"),
        ({"gold": "1", "answer": "1", "expected": [1]}, "'expected' must be"),
        ({"gold": "1", "answer": "1", "kind": 3}, "'kind' must be a text, got 3"),
        ({"gold": "1", "answer": "1", "wrap": "no"}, "'wrap' must be true or false, got no"),
        ({"gold": "1", "answer": "1", "precision": True}, "'precision' must be of type int, got True"),
        ({"gold": "1", "answer": "1", "strict": 1}, "'strict' must be of type bool, got 1"),
        ("[" * 100_000, "must be a JSON object"),
    ],
)
def test_a_bad_row_is_named(tmp_path, capsys, row, said):
    file = write_rows(tmp_path / "pairs.jsonl", {"gold": "1", "answer": "1"}, row)
    assert driver.main(["verify", "--no-peer", "--pairs", str(file)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {file}, line 2: ")
    assert said in error
    assert error.count("\n") == 1


def test_bad_flags_and_files_are_named(tmp_path):
    with pytest.raises(RewardiumError, match=r"cannot be read.*No such file"):
        pairs.read_pairs(tmp_path / "none.jsonl")
    with pytest.raises(RewardiumError, match="holds no pair"):
        pairs.read_pairs(write_rows(tmp_path / "empty.jsonl", "", ""))
    (tmp_path / "latin.jsonl").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(RewardiumError, match="cannot be read"):
        pairs.read_pairs(tmp_path / "latin.jsonl")
    for flags in ({"num_pairs": 0}, {"turns": 0}, {"threads": -1}, {"timeout": 0.0}, {"peer_limit": -1.0}):
        with pytest.raises(RewardiumError, match=f"--{next(iter(flags)).replace('_', '-')} must be"):
            benchmark.check(benchmark.Config(**flags))


# What is measured.


def test_both_are_measured_on_pairs_of_a_file(tmp_path, capsys):
    pytest.importorskip("math_verify")
    rows = [
        {"gold": "\\frac{1}{2}", "answer": "so \\boxed{0.5}", "expected": True, "kind": "one"},
        {"gold": "x^2 - 1", "answer": "$(x-1)(x+1)$", "expected": True, "kind": "two"},
        {"gold": "x^2 - 1", "answer": "$(x-1)(x+2)$", "expected": False, "kind": "two"},
        {"gold": "3", "answer": "4", "expected": True, "kind": "two"},
        {"gold": "3", "answer": "\\boxed{3}", "kind": "three"},
    ]
    file = write_rows(tmp_path / "pairs.jsonl", *rows, rows[0])
    out = tmp_path / "out.json"
    assert driver.main(["verify", "--pairs", str(file), "--turns", "2", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "two: gold 3 | answer 4 | expected: equal | rewardium: different (" in printed
    result = json.loads(out.read_text())
    assert [list(row) for row in result["table"]] == [COLUMNS] * 6
    assert [(row["kind"], row["verifier"], row["pairs"]) for row in result["table"]] == [
        (kind, name, count)
        for kind, count in (("one", 1), ("two", 3), ("three", 1))
        for name in ("rewardium", "Math-Verify")
    ]
    for row in result["table"]:
        assert row["pairs per second"] > 0
        assert row["median ms"] <= row["p99 ms"] <= row["worst ms"]
        assert (row["accuracy"], row["false positives"], row["false negatives"]) == {
            "one": (1.0, 0, 0), "two": (pytest.approx(2 / 3), 0, 1), "three": (None, None, None)
        }[row["kind"]]  # fmt: skip
    summary = result["summary"]
    assert summary["rows that repeat a pair, left out"] == 1
    assert summary["pairs on which the two differ"] == summary["pairs with another verdict in another turn"] == 0
    assert summary["times as fast, two (all pairs)"] > 0
    (disagreement,) = result["disagreements"]
    assert disagreement["wrong"] == ["rewardium", "Math-Verify"]
    assert disagreement["said"]["Math-Verify"]["status"] == "different"


def test_pairs_that_are_made_are_measured_and_threads_agree():
    config = benchmark.Config(num_pairs=5, peer=False, threads=3)
    result = benchmark.run(config)
    assert [row["kind"] for row in result["table"]] == list(pairs.KINDS)
    assert {row["verifier"] for row in result["table"]} == {"rewardium"}
    assert result["summary"]["3 threads: verdicts that differ"] == 0
    assert result["summary"]["3 threads: pairs per second"] > 0
    assert all(row["worst ms"] < 3000 for row in result["table"])
    json.dumps(driver.plain(result))


def judged(*statuses):
    return [peer.Judgement(status == "equal", 0.25, status) for status in statuses]


def test_kinds_ratios_and_threads_that_differ():
    config = benchmark.Config(turns=2, shown=1)
    measured = [
        benchmark.Measured(
            pairs.Pair("1", "1", True, "a"),
            {"rewardium": judged("equal", "equal"), "Math-Verify": judged("different", "equal")},
        ),
        benchmark.Measured(
            pairs.Pair("1", "2", False, "a"),
            {"rewardium": judged("timeout", "timeout"), "Math-Verify": judged("killed", "killed")},
        ),
        benchmark.Measured(
            pairs.Pair("1", "3", None, "b"),
            {"rewardium": judged("equal", "equal"), "Math-Verify": judged("unparsed", "unparsed")},
        ),
    ]
    result = benchmark.compared(config, ["rewardium", "Math-Verify"], measured, 0, {"notes": ["threads, a: ..."]})
    first, second = result["table"][:2]
    assert (first["accuracy"], first["stopped"]) == (1.0, 1)
    assert (second["accuracy"], second["false negatives"], second["stopped"]) == (0.5, 1, 1)
    assert second["pairs per second"] == 4.0
    summary = result["summary"]
    assert summary["times as fast, a (all pairs)"] == summary["times as fast, b (median of the pairs)"] == 1.0
    assert summary["without a verdict, Math-Verify"] == "1 killed, 1 unparsed"
    assert summary["pairs on which the two differ"] == 2
    assert summary["pairs with another verdict in another turn"] == 1
    assert result["notes"] == ["threads, a: ...", "and 2 more"]
    assert [row["wrong"] for row in result["disagreements"]] == [["Math-Verify"], []]


class Forgetful:
    """A verifier whose verdict depends on who asks, as none should."""

    def __init__(self):
        self.calls = 0

    def forget(self):
        self.calls = 0

    def timed(self, pair):
        self.calls += 1
        return judged("equal" if self.calls % 2 else "different")[0]


def test_threads_are_compared_with_the_verdicts_of_one_thread():
    measured = [
        benchmark.Measured(pairs.Pair(f"{number}", "1"), {"rewardium": judged("equal")}) for number in range(10)
    ]
    result = benchmark.in_threads(benchmark.Config(threads=1), Forgetful(), measured)
    assert result["1 threads: verdicts that differ"] == result["1 threads: statuses that differ"] == 5
    assert result["notes"][0] == "threads, pairs: gold 1 | answer 1 | alone: equal | among threads: different"


# Math-Verify.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\frac{1}{2}", "$\\frac{1}{2}$"),
        ("x + 1", "$x + 1$"),
        ("[0, 1)", "$[0, 1)$"),
        ("$x$", "$x$"),
        ("\\boxed{3}", "\\boxed{3}"),
        ("so it is \\(x\\)", "so it is \\(x\\)"),
        ("The answer is 5", "The answer is 5"),
        ("-3.5", "-3.5"),
        ("1,000/7", "1,000/7"),
        ("12\\%", "12\\%"),
        ("12 percent", "12 percent"),
    ],
)
def test_math_verify_gets_latex_in_an_environment(text, expected):
    assert peer.prepared(text) == expected


def test_math_verify_is_used_with_what_a_row_says():
    pytest.importorskip("math_verify")
    side = peer.MathVerify()
    try:
        assert side.judge("$\\frac{1}{3}$", "$0.333$", {}).status == "different"
        assert side.judge("$\\frac{1}{3}$", "$0.333$", {"precision": 3}).equal
        assert side.judge("$f(x)$", "$f(y)$", {"strict": False}).equal
        assert side.judge("$1$", "nothing", {}).status == "unparsed"
        assert side.judge("$1$", "$1$", {"strict": True}).seconds > 0
    finally:
        side.close()


@pytest.mark.slow
def test_math_verify_is_killed_and_started_anew():
    pytest.importorskip("math_verify")
    side = peer.GuardedMathVerify(limit=1.0, memory=4.0)
    try:
        assert side.judge("$5$", "$(12!)!$", {}).status == "killed"
        assert side.process is None
        assert side.judge("$5$", "$5$", {}).equal
        side.process.kill()
        side.process.wait()
        assert side.judge("$5$", "$5$", {}).status == "died"
    finally:
        side.close()


@pytest.mark.slow
def test_the_adversarial_kind_is_guarded(tmp_path):
    pytest.importorskip("math_verify")
    rows = [{"gold": "5", "answer": "(12!)!", "expected": False, "kind": pairs.ADVERSARIAL}]
    config = benchmark.Config(pairs=write_rows(tmp_path / "pairs.jsonl", *rows), peer_limit=1.0)
    ours, theirs = benchmark.run(config)["table"]
    assert theirs["stopped"] == 1
    assert theirs["worst ms"] >= 1000
    assert ours["worst ms"] < 2000


def test_too_little_memory_is_said():
    pytest.importorskip("math_verify")
    with pytest.raises(RewardiumError, match=r"did not start with 0\.01 GiB of memory"):
        peer.GuardedMathVerify(limit=1.0, memory=0.01).start()


# Pairs from tests.

TESTS = """
import math

import pytest

raise SystemExit("a file that is run ends here")


@pytest.mark.parametrize(
    "gold, pred, expected, precision",
    [
        ("1", "2", 0, 3),
        ("a" "b", "c" + r"\\d", True, 4),
        (f"{'x'}{1}", "y", 1, 5),
        (f"{math.sqrt(2):.3f}", "y", 1, 5),
        pytest.param("3", "3", 1, 6, id="three"),
        pytest.param("4", "3", 1, 6, marks=pytest.mark.xfail),
        ("short", "row", 1),
        (1, "2", 0, 3),
        *others,
    ],
)
def test_first(gold, pred, expected, precision):
    assert compare(gold, pred, precision=precision, match_types=["latex"], how=some(1)) == expected


@pytest.mark.parametrize(("reference", "prediction", "result"), (("5", "6", -1), ("5", "7", False)))
def test_second(reference, prediction, result):
    pass


@pytest.mark.parametrize("pred,expected", [("1", 1)])
def test_third(pred, expected):
    pass


@pytest.mark.parametrize("gold", ["1"])
@pytest.mark.parametrize("pred,expected", [("1", 1)])
def test_fourth(gold, pred, expected):
    pass


@pytest.mark.parametrize("gold,pred,expected", load())
def test_fifth(gold, pred, expected):
    pass


def test_sixth():
    pass
"""


def test_tests_become_pairs_without_being_run(tmp_path, capsys):
    folder, out = tmp_path / "tests", tmp_path / "out/pairs.jsonl"
    folder.mkdir()
    (folder / "test_a.py").write_text(TESTS)
    (folder / "test_b.py").write_text("def test(:")
    assert converter.main([str(folder), "--out", str(out), "--kind", "theirs"]) == 0
    said = capsys.readouterr().err
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["gold"], row["answer"], row["expected"]) for row in rows] == [
        ("1", "2", False),
        ("ab", "c\\d", True),
        ("x1", "y", True),
        ("3", "3", True),
        ("5", "7", False),
    ]
    assert rows[0] == {
        "gold": "1", "answer": "2", "expected": False, "precision": 3, "match_types": ["latex"],
        "test": "test_a.py:12", "kind": "theirs", "wrap": False,
    }  # fmt: skip
    for part in (
        "math.sqrt(2):.3f",
        "a row with marks",
        "a row of another length than its 4 columns",
        "gold and answer are no texts",
        "others would have to be computed",
        "test_third: of the columns pred, expected none is gold",
        "test_fourth: several parametrize",
        "the rows are no list but load()",
        "test_sixth: no parametrize",
        "test_b.py: not read",
        "5 pairs in",
    ):
        assert part in said, part
    read, _ = pairs.read_pairs(out)
    assert read[0] == pairs.Pair("1", "2", False, "theirs", False, {"precision": 3})


def test_a_folder_without_tests_is_one_line(tmp_path, capsys):
    (tmp_path / "a.py").write_text("x = 1\n")
    assert converter.main([str(tmp_path), "--out", str(tmp_path / "out.jsonl")]) == 1
    assert "no tests with gold, answer and expected verdict" in capsys.readouterr().err
    assert converter.main([str(tmp_path / "none"), "--out", str(tmp_path / "out.jsonl")]) == 1
    assert capsys.readouterr().err.startswith("error: there is no ")
