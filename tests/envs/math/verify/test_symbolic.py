"""Computer algebra: pairs of answers that need sums, integrals, limits, cases, matrices, or something solved."""

import subprocess
import sys
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.envs.math.verify.algebra.symbolic import decide
from rewardium.envs.math.verify.algebra.sympy_reading import Reader

EQUAL = [
    # Integrals.
    (r"\int_0^1 x^2\,dx", "1/3"),
    (r"\int_0^1 \frac{dx}{1+x^2}", r"\frac{\pi}{4}"),
    (r"\int_0^1 \frac{x\,dx}{1+x^2}", r"\frac{\ln 2}{2}"),
    (r"\int_{0}^{\infty} e^{-x^2}\,dx", r"\frac{\sqrt{\pi}}{2}"),
    (r"\int_0^\pi \sin\theta\,d\theta", "2"),
    (r"\int_0^1 \mathrm{e}^x\,\mathrm{d}x", "e-1"),
    (r"\int_0^1\int_0^1 xy\,dx\,dy", "1/4"),
    (r"\int_0^1\int_0^1 xydxdy", "1/4"),
    (r"\int_0^1 \int_0^{1-x} (x+y)\, dy\, dx", "1/3"),
    (r"\int_0^x t^2 dt", r"\frac{x^3}{3}"),
    (r"\int_0^12x\,dx", "1"),
    (r"2\int_0^1 x\, dx + 1", "2"),
    (r"\int_0^1 x + 1\, dx", "3/2"),
    (r"\int_0^1 dx\, x^3", "1/4"),
    (r"\int_0^1 \frac{1}{\sqrt{x}} dx", "2"),
    (r"\int_{-1}^1 |x| dx", "1"),
    (r"\int_0^1 x^a dx", r"\frac{1}{a+1}"),
    (r"\int_0^1 x^2 dx", "0.333333"),
    (r"\int_0^1 f(x) dx", r"\int_0^1 f(t)\, dt"),
    # Antiderivatives are equal up to a constant.
    (r"\int x dx", r"\frac{x^2}{2}+C"),
    (r"\int \frac{1}{x}dx", r"\ln|x| + C"),
    (r"\iint xy\,dx\,dy", r"\frac{x^2y^2}{4}"),
    # Sums and products.
    (r"\sum_{k=1}^n k", r"\frac{n(n+1)}{2}"),
    (r"\sum_{k=1}^{n} k^3", r"\left(\sum_{k=1}^n k\right)^2"),
    (r"\sum_{i=1}^{n}\sum_{j=1}^{i} ij", r"\frac{n(n+1)(n+2)(3n+1)}{24}"),
    (r"\sum_{k=0}^{n} k 2^k", "(n-1)2^{n+1}+2"),
    (r"\sum_{k=0}^{n} \binom{n}{k}", "2^n"),
    (r"\sum_{1\le k\le n} k", r"\frac{n^2+n}{2}"),
    (r"\sum_{k=1}^{1000000} k", "500000500000"),
    (r"\sum_{k=1}^{2024} \frac{1}{k(k+1)}", r"\frac{2024}{2025}"),
    (r"\sum_{k=1}^{\infty} \frac{1}{k^2}", r"\frac{\pi^2}{6}"),
    (r"\sum_{k \ge 1} \frac{1}{2^k}", "1"),
    (r"\sum_{k=1}^{\infty} \frac{(-1)^{k+1}}{k}", r"\ln 2"),
    (r"\sum_{n=1}^{\infty}\arctan\frac{2}{n^2}", r"\frac{3\pi}{4}"),
    (r"\sum_{n=0}^\infty \frac{x^n}{n!}", "e^x"),
    (r"\sum_{k=1}^n f(k)", r"\sum_{j=1}^n f(j)"),
    (r"\prod_{k=1}^{n} k", "n!"),
    (r"\prod_{k=1}^\infty\frac{4k^2}{4k^2-1}", r"\frac{\pi}{2}"),
    (r"\int_0^1 \sum_{n=0}^{2} x^n dx", r"\frac{11}{6}"),
    # Limits and derivatives.
    (r"\lim_{x\to 0} \frac{\sin x}{x}", "1"),
    (r"\lim_{n\to\infty}\left(1+\frac1n\right)^n", "e"),
    (r"\lim_{x\to 0^+} \frac{1}{x}", r"\infty"),
    (r"\lim_{h\to0}\frac{(x+h)^2-x^2}{h}", "2x"),
    (r"\frac{d}{dx} x^3", "3x^2"),
    (r"\frac{\mathrm{d}}{\mathrm{d}x}\left(x\sin x\right)", r"\sin x + x\cos x"),
    (r"\frac{d^2}{dx^2} e^{2x}", "4e^{2x}"),
    (r"\frac{\partial^2}{\partial x\partial y} (x^2y^3)", "6xy^2"),
    (r"\frac{d}{dx}\int_0^x t^2 dt", "x^2"),
    (r"\frac{d^2y}{dx^2}+y=0", r"y + \frac{d^2y}{dx^2} = 0"),
    # Cases.
    ("|x|", r"\begin{cases} x & x \geq 0 \\ -x & x<0\end{cases}"),
    (
        r"\begin{cases} x & \text{if } x>0 \\ 0 & \text{otherwise}\end{cases}",
        r"\begin{cases} 0, & x\le 0 \\ x, & x>0\end{cases}",
    ),
    (r"f(x)=\begin{cases} x & x>0 \\ 0 & x \le 0\end{cases}", r"\frac{x+|x|}{2}"),
    (r"\left\{\begin{array}{ll} x & x>0\\ 0& x\le0\end{array}\right.", r"\max(x,0)"),
    (r"\begin{cases} 1 & n \text{ is even} \\ 0 & n \text{ is odd}\end{cases}", r"\frac{1+(-1)^n}{2}"),
    # Inequalities and sets.
    ("x^2<4", "-2<x<2"),
    ("x^2 < 4", "(-2,2)"),
    (r"x^2 \ge 4", r"(-\infty,-2]\cup[2,\infty)"),
    (r"|x-1|<3", r"x \in (-2,4)"),
    (r"\frac{x-1}{x+2}\ge 0", r"(-\infty,-2)\cup[1,\infty)"),
    (r"x<-2 \text{ or } x>2", "x^2>4"),
    ("x+y<3", "2x+2y<6"),
    ("3>x+y", "x+y<3"),
    (r"\{x \mid x^2<4\}", "(-2,2)"),
    (r"\{x\in\mathbb{R}: x\ne 0\}", r"(-\infty,0)\cup(0,\infty)"),
    (r"\{x : x^2=4\}", "2, -2"),
    (r"(-\infty,3)\cap[0,5]", "[0,3)"),
    (r"\text{no solution}", r"\{x \mid x^2<0\}"),
    # Equations.
    ("(x-y)^2=0", "x=y"),
    ("x^2+y^2=1", "2x^2+2y^2-2=0"),
    (r"y=\frac{1}{x}", "xy=1"),
    ("x^3-1=0", "x=1"),
    (r"\frac{x^2}{4}+\frac{y^2}{9}=1", "9x^2+4y^2=36"),
    (r"\frac{x^2-1}{x-1}=0", "x+1=0"),
    ("x^2=4", r"\{2,-2\}"),
    (r"e^{x+y}=\sin y", r"2e^xe^y-2\sin y=0"),
    # Matrices.
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{-1}", r"\begin{pmatrix}-2&1\\3/2&-1/2\end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}\begin{pmatrix}1\\1\end{pmatrix}", r"\begin{pmatrix}3\\7\end{pmatrix}"),
    (r"\begin{pmatrix}1&1\\0&1\end{pmatrix}^5", r"\begin{bmatrix}1&5\\0&1\end{bmatrix}"),
    (r"\frac12\begin{pmatrix}2&4\\6&8\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^\top", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    (r"\begin{vmatrix}a&b\\c&d\end{vmatrix}", "ad-bc"),
    (r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}", "-2"),
    (r"\operatorname{tr}\begin{pmatrix}1&2\\3&4\end{pmatrix}", "5"),
    # Congruences and families of solutions.
    (r"x\equiv 3 \pmod 5", r"x \equiv -2 \pmod{5}"),
    (r"2x \equiv 1 \pmod 5", r"x\equiv 3 \pmod 5"),
    (r"n\equiv 1 \ (\text{mod } 4)", r"n \equiv 5 \pmod{4}"),
    (r"x = \frac{\pi}{4}+k\pi, k\in\mathbb{Z}", r"x=\frac{5\pi}{4}+n\pi, n \in\mathbb{Z}"),
    (r"k\pi, k\in\mathbb{Z}", r"\{2n\pi, (2n+1)\pi : n\in\mathbb Z\}"),
    (
        r"x=\pm\frac{\pi}{3}+2k\pi, k\in\mathbb{Z}",
        r"x = \frac{\pi}{3}+2k\pi \text{ or } x=\frac{5\pi}{3}+2k\pi, k\in\mathbb{Z}",
    ),
    (r"\{2k+1 : k\in\mathbb{Z}\}", r"\{2k-1 : k\in\mathbb{Z}\}"),
    # Functions, constants, complex numbers.
    (r"\Gamma\left(\frac12\right)", r"\sqrt{\pi}"),
    (r"\zeta(2)", r"\frac{\pi^2}{6}"),
    (r"\operatorname{sgn}(x)|x|", "x"),
    (r"\overline{3+4i}", "3-4i"),
    (r"z\overline{z}", "|z|^2"),
    (r"e^{i\theta}", r"\cos\theta+i\sin\theta"),
    (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt{6}}"),
    (r"\arctan\frac12+\arctan\frac13", r"\frac{\pi}{4}"),
    (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "1"),
    (r"\sqrt{5+2\sqrt6}-\sqrt2-\sqrt3", "0"),
    (r"\ln(x^2)", r"2\ln|x|"),
    (r"\max(x,y)", r"\frac{x+y+|x-y|}{2}"),
    (r"\binom{n}{k}", r"\frac{n!}{k!(n-k)!}"),
    (r"n!\cos n\pi", "(-1)^n n!"),
    # The base of a logarithm without one is e or 10.
    (r"\log 100", "2"),
    (r"\log x", r"\ln x"),
    # Words, units, lists.
    (r"\text{negative infinity}", r"\lim_{x\to\infty} (-x)"),
    (r"30^\circ", r"\frac{\pi}{6}"),
    (r"\int_0^{10} dx \text{ cm}", r"0.1 \text{ m}"),
    (r"\begin{cases} x=1 \\ y=2\end{cases}", "y=2, x=1"),
    (r"\left(\int_0^1 dx, 2\right)", "(1,2)"),
    (r"2:\int_0^1 4\,dx", "1:2"),
]

DIFFERENT = [
    (r"\int_0^1 x^2\,dx", "1/2"),
    (r"\int_0^1 x^2\,dx", "0.34"),
    (r"\int_0^1 \frac{dx}{1+x^2}", r"\frac{\pi}{5}"),
    (r"\int x dx", "x^2+C"),
    (r"\int_0^x t^2 dt", r"\frac{x^3}{2}"),
    (r"\int_{-1}^1 |x| dx", "0"),
    (r"\sum_{k=1}^n k", r"\frac{n(n-1)}{2}"),
    (r"\sum_{k=1}^n \frac{1}{k}", r"\frac{3n-1}{2n}"),
    (r"\sum_{k=1}^{\infty} \frac{1}{k^2}", r"\frac{\pi^2}{8}"),
    (r"\sum_{k=1}^\infty \frac1k", "100"),
    (r"\lim_{x\to 0} \frac{\sin x}{x}", "0"),
    (r"\lim_{x\to 0^-} \frac{1}{x}", r"\infty"),
    (r"\frac{d}{dx} x^3", "3x"),
    ("|x|", r"\begin{cases} x & x > 0 \\ 0 & x<0\end{cases}"),
    (
        r"\begin{cases} 1 & x \ge 0 \\ 0 & x<0\end{cases}",
        r"\begin{cases} 1 & x > 0 \\ 0 & x\le 0\end{cases}",
    ),
    (
        r"\begin{cases} 1 & x \ge 0 \\ 0 & x<0\end{cases}",
        r"\begin{cases} 1 & x > 0 \\ 0 & x < 0\end{cases}",
    ),
    ("|x-5|", "5-x"),
    ("|x-50000|", "50000-x"),
    ("x^2<4", r"-2\le x\le2"),
    ("x^2<4", "(-2,3)"),
    (r"x^2 \ge 4", r"[2,\infty)"),
    ("x+y<3", "x+y>3"),
    ("x+y<3", r"x+y\le 3"),
    ("(x-y)^2=0", "x=2y"),
    ("x^2+y^2=1", "x^2+y^2=2"),
    (r"\frac{x^2-1}{x-1}=0", "x^2-1=0"),
    ("x^2=1", r"\{1\}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{-1}", r"\begin{pmatrix}2&1\\3/2&-1/2\end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2&0\\3&4&0\end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^T", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
    (r"x\equiv 3 \pmod 5", r"x \equiv 2 \pmod{5}"),
    (r"x\equiv 3 \pmod 5", r"x \equiv 3 \pmod{10}"),
    (r"x = \frac{\pi}{4}+k\pi, k\in\mathbb{Z}", r"x=\frac{\pi}{4}+2k\pi, k \in\mathbb{Z}"),
    (r"\pi", "\\pi + 10^{-30}"),
    ("e^{-200}", "2e^{-200}"),
    (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt{5}}"),
    ("f'(x)", "f(x)"),
    (r"\left(\int_0^1 dx, 2\right)", "[1,2)"),
    ("A^T B", "AB"),
    (r"\cos(30^\circ)", r"\cos(30)"),
    (r"z\overline{z}", "z^2"),
    (r"e^{i\theta}", r"\cos\theta-i\sin\theta"),
    (r"\ln(x^2)", r"2\ln x"),
    (r"\sqrt{x^2}", "x"),
    (r"\gamma+1", "1"),
]

UNKNOWN = [
    ("apple", r"\int_0^1 x dx"),
    ("cat", "act"),
    ("x", r"\sum_{d|n} d"),
    (r"\int_0^1 x dx", r"\text{red}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "5"),
    (r"\oint f", "0"),
    ("x=1, y=2", "x+y=3"),
    (r"\lim_{x\to0}\frac{|x|}{x}", "1"),
    (r"\int_0^1 x dx", r"\int_0^1"),
    (r"\frac{1}{0}", r"\int_0^1 dx"),
    (r"\zeta(1)", "1"),
    (r"\begin{cases} 1 & x>0", "1"),
    # Series that diverge have no value, although extrapolation gives them one.
    (r"\sum_{k=0}^\infty (-1)^k", "1/2"),
    (r"\sum_{k=1}^\infty \frac{1}{\sqrt{k}}", "-1.460354508809586"),
    # Names that do not fit, and cases that contradict each other.
    ("x^2>4", r"y<-2 \text{ or } x>2"),
    (r"x = \frac{\pi}{4}+k\pi, k\in\mathbb{Z}", r"y=\frac{\pi}{4}+k\pi, k\in\mathbb{Z}"),
    ("|x|", r"\begin{cases} x & x \geq 0 \\ -x & x<1\end{cases}"),
    # Functions that nothing is known of.
    (r"\sum_{k=1}^n f(k)", r"\sum_{k=1}^n g(k)"),
    ("", "1"),
]

# Texts that would take sympy, or a careless reader, very long.
HOSTILE = {
    "tower": "9^{9^{9^{9}}}",
    "tower of twos": "2^{2^{2^{2^{2^{2^2}}}}}",
    "tower with a variable": "2^{2^{2^{2^{2^{x}}}}}",
    "factorial": "(10^{10})!",
    "factorials": "((100!)!)!",
    "gamma": r"\Gamma(10^{30})",
    "binomial": r"\binom{10^9}{5\cdot10^8}",
    "imaginary power": "i^{10^{50}}",
    "endless sum": r"\sum_{k=1}^{10^{100}} \frac{1}{k!}",
    "long sum": r"\sum_{k=1}^{1000000} \frac{\sin k}{k}",
    "sums in sums": r"\sum_{a=1}^{1000}\sum_{b=1}^{1000}\sum_{c=1}^{1000} \sin(abc)",
    "many sums": r"\sum_{k=1}^{n}" * 39 + "k",
    "divergent product": r"\prod_{k=1}^{\infty} (1+\frac{1}{k})",
    "inverse": r"\begin{pmatrix}" + r"\\".join(["&".join("abcdefgh")] * 8) + r"\end{pmatrix}^{-1}",
    "determinant": r"\begin{vmatrix}"
    + r"\\".join("&".join(f"x_{{{i}{j}}}" for j in range(9)) for i in range(9))
    + r"\end{vmatrix}",
    "matrix power": r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{1000000}",
    "derivative": r"\frac{d^8}{dx^8} \frac{\sin(x^5)\tan(x^3)}{\ln(1+x^2)}",
    "polynomial": "(x+y+z+w)^{500} = 0",
    "inequality": "x^{100}-3x^{57}+2 < 0",
    "modulus": r"x \equiv 3 \pmod{10^{1000}}",
    "brackets": "(" * 3000,
    "braces": "{" * 2000,
    "fractions": r"\frac{1}{" * 300 + "x" + "}" * 300,
    "bars": "|" * 1001 + "x" + "|" * 1001,
    "environments": r"\begin{cases}" * 200,
    "cells": r"\begin{cases}" + "&" * 3000 + r"\end{cases}",
    "cases": r"\begin{cases}" + r"\\".join(f"{i} & x = {i}" for i in range(100)) + r"\end{cases}",
    "digits": "9" * 4000,
    "signs": "-" * 3999 + "1",
    "terms": "x+" * 1999 + "x",
    "backslashes": "\\" * 3999,
    "spaces": " " * 3998 + "y",
    "code": "__import__('os').system('exit 1')",
    "null": "\x00" * 100,
    "surrogate": "\ud800x",
    "taken name": r"\aleph_{1}",
}


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_pairs(gold, answer):
    assert decide(gold, answer)[0] == "equal"


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different_pairs(gold, answer):
    assert decide(gold, answer)[0] == "different"


@pytest.mark.parametrize(("gold", "answer"), UNKNOWN)
def test_what_cannot_be_read_or_decided_is_unknown(gold, answer):
    for pair in ((gold, answer), (answer, gold)):
        status, reason = decide(*pair)
        assert status == "unknown"
        assert reason


@pytest.mark.slow
@pytest.mark.parametrize(("pairs", "status"), [(EQUAL, "equal"), (DIFFERENT, "different")])
def test_the_order_does_not_matter(pairs, status):
    assert [(gold, answer) for gold, answer in pairs if decide(answer, gold)[0] != status] == []


@pytest.mark.slow
def test_equal_pairs_are_not_equal_to_their_neighbours():
    """Each gold answer against the next one's answer: almost all say something else, and none is called equal twice."""
    wrong = [
        (gold, other)
        for (gold, answer), (_, other) in pairwise(EQUAL)
        if decide(gold, other)[0] == "equal" and decide(answer, other)[0] != "equal"
    ]
    assert wrong == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_not_equal(name):
    start = perf_counter()
    assert decide("5", HOSTILE[name])[0] != "equal"
    assert decide(HOSTILE[name], "x")[0] != "equal"
    assert perf_counter() - start < 10  # a busy machine's seconds; left to themselves they would take hours


@pytest.mark.slow
def test_hostile_texts_fit_into_little_memory():
    program = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from rewardium.envs.math.verify.algebra.symbolic import decide, prepare
prepare()
print(json.dumps([decide("5", text)[0] for text in json.load(sys.stdin)]))
"""
    import json

    texts = [text for text in HOSTILE.values() if "\ud800" not in text]
    run = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert "equal" not in json.loads(run.stdout)


def test_importing_is_light():
    program = "import sys, rewardium.envs.math.verify.algebra.symbolic; print({'sympy', 'mpmath'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=r"\{}[]()^_&|,:;=<>+-*/!' 0123xykdienfracsumtlb", max_size=40))
def test_no_text_raises(text):
    status, reason = decide(text, "x+1")
    assert status in ("equal", "different", "unknown")
    assert isinstance(reason, str)


PIECES = [
    r"\int_0^1",
    r"\sum_{k=1}^{n}",
    r"\lim_{x\to 0}",
    r"\frac{d}{dx}",
    r"\begin{cases}",
    r"\end{cases}",
    r"\begin{pmatrix}",
    r"\end{pmatrix}",
    r"\det",
    r"\overline{",
    r"\{",
    r"\}",
    "}",
    "{",
    r"\mid",
    r"\cap",
    r"\equiv",
    r"\pmod",
    "&",
    r"\\",
    "x",
    "k",
    "2",
    "+",
    "<",
    "dx",
    r"\in\mathbb{Z}",
    ",",
    "^",
    "_",
    r"\text{if }",
]


@settings(max_examples=120, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_no_order_of_commands_raises(pieces):
    assert decide(" ".join(pieces), "x")[0] in ("equal", "different", "unknown")


@given(st.integers(0, 5), st.lists(st.integers(-9, 9), min_size=1, max_size=4), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_an_integral_of_a_polynomial_is_its_antiderivatives_difference(low, coefficients, width):
    high = low + width
    integrand = "+".join(f"({c})x^{{{power}}}" for power, c in enumerate(coefficients))
    value = "+".join(
        rf"\frac{{({c})({high}^{{{power + 1}}}-{low}^{{{power + 1}}})}}{{{power + 1}}}"
        for power, c in enumerate(coefficients)
    )
    gold = rf"\int_{{{low}}}^{{{high}}} \left({integrand}\right) dx"
    assert decide(gold, value)[0] == "equal"
    assert decide(gold, f"{value}+1")[0] == "different"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (r"\sum_{i=1}^{n} i^2", "Sum(_i**2, (_i, 1, n))"),
        (r"\sum_{k=1}^n k^2 + 1", "Sum(_k**2, (_k, 1, n)) + 1"),
        (r"3\sum_{k=1}^n 2k", "3*Sum(2*_k, (_k, 1, n))"),
        (r"\int_0^{\infty} \sum_{n=0}^{3} x^n \, dx", "Integral(Sum(x**_n, (_n, 0, 3)), (x, 0, oo))"),
        (r"\frac{\int_0^1 x dx}{2}", "Integral(x, (x, 0, 1))/2"),
        (r"\int_0^1 \frac{x^2 dx}{x+1}", "Integral(x**2/(x + 1), (x, 0, 1))"),
        (r"\begin{cases} x^2, & x>1 \\[2pt] 0, & \text{otherwise}\end{cases}", "Piecewise((x**2, x > 1), (0, True))"),
    ],
)
def test_reading(text, meaning):
    import sympy

    assert str(Reader(sympy.E).read(text)) == meaning
