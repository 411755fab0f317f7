"""A proof of equality in integers: the value of an expression in a ring of residues.

The variables get random residues, sums, products, quotients and integer powers are calculated modulo a large number,
and everything else (pi, a sine, a square root) gets a residue that is a hash of the operation and the residues of its
operands. Expressions that differ only by the laws of arithmetic, however deep inside a sine, so have equal residues.
Two different rational functions have equal residues with a probability below their degree over 2^60 (Schwartz and
Zippel), and two rational functions with different residues are different, which is proven.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from hashlib import blake2b
from math import gcd, isqrt, prod
from typing import NamedTuple

from rewardium.envs.math.verify.limits import MAX_FACTORIAL
from rewardium.envs.math.verify.numeric.program import Program, written

MAX_POWER_BITS = 8_000
"""Bits of all exponents together; a residue to the power of a longer one takes too long."""

_STEP = 2 * 5 * 13 * 17 * 29 * 37 * 41


class Ring(NamedTuple):
    """Residues modulo a number of some 190 bits in which -1 has a square root.

    Args:
        modulus: ``imaginary ** 2 + 1``; no prime up to ``MAX_FACTORIAL`` divides it, so that one can divide by
            factorials.
        imaginary: The square root of -1.
        key: What the hashes depend on besides.
    """

    modulus: int
    imaginary: int
    key: bytes


def make_ring(seed: bytes) -> Ring:
    """Make a ring that a seed determines.

    Example:
        >>> ring = make_ring(b"seed")
        >>> (ring.imaginary**2 + 1) % ring.modulus
        0
    """
    drawn = int.from_bytes(blake2b(seed, digest_size=8).digest(), "big") | 1 << 63
    primes = _small_primes()
    while True:
        imaginary = _STEP * drawn
        modulus = imaginary * imaginary + 1
        if gcd(modulus, primes) == 1:  # about every second one
            return Ring(modulus, imaginary, seed[:32])
        drawn += 1


@cache
def _small_primes() -> int:
    """Return the product of the primes up to MAX_FACTORIAL that may divide ``n ** 2 + 1``."""
    candidates = range(5, MAX_FACTORIAL + 1, 4)
    return prod(p for p in candidates if all(p % divisor for divisor in range(3, isqrt(p) + 1, 2)))


def fingerprint(program: Program, ring: Ring) -> int | None:
    """Calculate the residue of a program's value.

    Args:
        program: The program.
        ring: The ring.

    Returns:
        The residue in [0, modulus); None where something is divided by a residue that has no inverse, 0 above all, or
        where the exponents have more than ``MAX_POWER_BITS`` bits together.

    Example:
        >>> from rewardium.envs.math.verify.numeric.building import build_program
        >>> from rewardium.envs.math.verify.tree import Apply, Number, Symbol
        >>> x, one, two = Symbol("x"), Number(Fraction(1)), Number(Fraction(2))
        >>> square = Apply("power", (Apply("add", (x, one)), two))
        >>> terms = Apply("add", (Apply("power", (x, two)), Apply("multiply", (two, x)), one))
        >>> ring = make_ring(b"seed")
        >>> fingerprint(build_program(square), ring) == fingerprint(build_program(terms), ring)
        True
    """
    modulus = ring.modulus
    residues: list[int] = []
    power_bits = 0
    try:
        for operator, operands, payload in program.instructions:
            if operator == "number":
                residue = _rational(payload, modulus)
            elif operator == "add":
                residue = sum([residues[operand] for operand in operands]) % modulus
            elif operator == "multiply":
                residue = 1
                for operand in operands:
                    residue = residue * residues[operand] % modulus
            elif operator == "negate":
                residue = -residues[operands[0]] % modulus
            elif operator == "divide":
                residue = residues[operands[0]] * pow(residues[operands[1]], -1, modulus) % modulus
            elif operator in ("integer_power", "rational_power"):
                power_bits += payload.numerator.bit_length()
                if power_bits > MAX_POWER_BITS:
                    return None
                base = residues[operands[0]]
                if operator == "rational_power":  # the principal q-th root of x, to the power p
                    base = _root(ring, base, payload.denominator)
                residue = pow(base, payload.numerator, modulus)
            elif operator == "root" and payload == 2:
                residue = _root(ring, residues[operands[0]], 2)
            elif operator == "imaginary":
                residue = ring.imaginary
            elif operator == "symbol":
                residue = _hashed(ring, f"symbol {payload!r}")
            else:
                residue = _hashed(ring, f"{operator} {written(payload)} {[residues[operand] for operand in operands]}")
            residues.append(residue)
    except ValueError:  # no inverse
        return None
    return residues[-1]


def _rational(value: int | Fraction, modulus: int) -> int:
    if type(value) is int:
        return value % modulus
    return value.numerator * pow(value.denominator, -1, modulus) % modulus


def _root(ring: Ring, residue: int, index: int) -> int:
    return _hashed(ring, f"principal root {index:x} {residue}")


def _hashed(ring: Ring, text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), key=ring.key, digest_size=24).digest()
    return int.from_bytes(digest, "big") % ring.modulus
