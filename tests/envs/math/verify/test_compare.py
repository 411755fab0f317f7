"""Comparing what was read: each kind of answer, and what stays undecided."""

import pytest

from rewardium.envs.math.verify.compare import compare
from rewardium.envs.math.verify.reading.parser import parse

CASES = [
    ("x = 5", "5", "equal"),
    ("x = 5", "y = 5", "different"),
    ("f(x) = 2x", "2x", "equal"),
    ("y = 2x + 1", "2x - y + 1 = 0", "equal"),
    ("y = 2x + 1", "y = 2x - 1", "different"),
    ("xy = 1", "y = 1/x", "equal"),
    ("x + y = 5", "5", "different"),
    ("(x, y) = (1, 2)", "(y, x) = (2, 1)", "equal"),
    ("x = 1, y = 2", "(1, 2)", "equal"),
    ("x = 1, y = 2", "y = 2, x = 1", "equal"),
    ("x = 1, y = 2", "x = 2, y = 1", "different"),
    ("p=5, q=2; p=7, q=2", "(7,2), (5,2)", "equal"),
    ("1, 2, 3", r"\{3, 2, 1\}", "equal"),
    ("1, 1, 2", "1, 2", "different"),
    (r"\{1, 1, 2\}", r"\{1, 2\}", "equal"),
    ("(1, 2, 3)", "[1, 2, 3]", "equal"),
    ("(1, 2)", "[1, 2]", "different"),
    (r"\pm 3", "3, -3", "equal"),
    ("x > 3", r"(3, \infty)", "equal"),
    ("2x + 1 < 5", "x < 2", "equal"),
    ("-x > -1", "x < 1", "equal"),
    ("|x| < 2", "(-2, 2)", "equal"),
    ("|x| > 2", r"(-\infty, -2) \cup (2, \infty)", "equal"),
    (r"x \neq 2", r"(-\infty, 2) \cup (2, \infty)", "equal"),
    (r"[0, 1] \cup [1, 2]", "[0, 2]", "equal"),
    (r"[0, 1) \cup (1, 2]", "[0, 2]", "different"),
    (r"\mathbb{R} \setminus \{0\}", r"(-\infty, 0) \cup (0, \infty)", "equal"),
    ("x^2 < 4", "-2 < x < 2", "unknown"),
    ("(x - y)^2 = 0", "x = y", "unknown"),
    ("5 cm", "50 mm", "equal"),
    ("5 cm", "5", "equal"),
    ("5 cm", "5 kg", "different"),
    ("0 °C", "32 °F", "equal"),
    (r"90^\circ", r"\frac{\pi}{2}", "equal"),
    ("50%", "0.5", "equal"),
    ("50%", "50", "equal"),
    ("0.04%", "0.04", "different"),
    ("1 hour 30 minutes", "90 minutes", "equal"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1, 2)", "equal"),
    (r"2\begin{pmatrix}1&0\\0&1\end{pmatrix}", r"\begin{pmatrix}2&0\\0&2\end{pmatrix}", "equal"),
    (r"2\mathbf{i} - \mathbf{k}", r"\langle 2, 0, -1\rangle", "equal"),
    ("x^2 + C", "x^2 + 3 + c", "equal"),
    ("x^2 + C", "x^3 + C", "different"),
    (r"x = k\pi, k \in \mathbb{Z}", r"x = n\pi, n \in \mathbb{Z}", "equal"),
    (r"\{2k : k \in \mathbb{Z}\}", r"\{2k + 2 : k \in \mathbb{Z}\}", "unknown"),
    ("3:2", "6:4", "equal"),
    ("3:30 PM", "15:30", "equal"),
    ("no solution", r"\emptyset", "equal"),
    ("seven", "7", "equal"),
    ("Monday", "Tuesday", "different"),
    ("C", "(C) 12", "equal"),
    ("12", "(C) 12", "equal"),
    ("red, green", "green and red", "equal"),
]


@pytest.mark.parametrize(("gold", "answer", "status"), CASES)
def test_compares(gold, answer, status):
    assert compare(parse(gold), parse(answer)).status == status


@pytest.mark.parametrize(("gold", "answer", "status"), CASES)
def test_the_order_of_the_answers_does_not_matter(gold, answer, status):
    assert compare(parse(answer), parse(gold)).status == status
