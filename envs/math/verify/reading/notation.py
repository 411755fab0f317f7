"""The signs and names of mathematical notation, and which of them mean the same."""

from __future__ import annotations

FUNCTIONS = frozenset((
    "Im", "Re", "abs", "arccos", "arccot", "arccsc", "arcosh", "arcsec", "arcsin", "arctan", "arg", "arsinh",
    "artanh", "ceil", "cos", "cosh", "cot", "coth", "csc", "csch", "det", "exp", "floor", "gcd", "lcm", "lg", "ln",
    "log", "max", "min", "sec", "sech", "sin", "sinh", "tan", "tanh",
))  # fmt: skip
"""Names that are functions, in LaTeX after a backslash and in plain text as words."""

GREEK = frozenset((
    "Delta", "Gamma", "Lambda", "Omega", "Phi", "Psi", "Sigma", "Theta", "Upsilon", "Xi", "aleph", "alpha", "beta",
    "chi", "delta", "ell", "epsilon", "eta", "gamma", "hbar", "iota", "kappa", "lambda", "mu", "nu", "omega",
    "omicron", "phi", "psi", "rho", "sigma", "tau", "theta", "upsilon", "varepsilon", "varphi", "varrho",
    "varsigma", "vartheta", "xi", "zeta",
))  # fmt: skip
"""Names of letters."""

PLAIN_NAMES = FUNCTIONS | GREEK | {"pi", "sqrt", "cbrt", "and", "or", "infty", "binom", "union", "cup"}
"""Names that are names without a backslash too."""

ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "arcsinh": "arsinh", "arccosh": "arcosh",
    "arctanh": "artanh", "asinh": "arsinh", "acosh": "arcosh", "atanh": "artanh", "cosec": "csc", "ctg": "cot",
    "cotg": "cot", "tg": "tan", "arctg": "arctan", "arcctg": "arccot", "sh": "sinh", "ch": "cosh", "th": "tanh",
    "ceiling": "ceil", "GCD": "gcd", "LCM": "lcm", "Ln": "ln", "Log": "log", "Arg": "arg", "dfrac": "frac",
    "tfrac": "frac", "cfrac": "frac", "sfrac": "frac", "nicefrac": "frac", "dbinom": "binom", "tbinom": "binom",
    "le": "leq", "leqslant": "leq", "ge": "geq", "geqslant": "geq", "lt": "<", "gt": ">", "ne": "neq",
    "cdotp": "cdot", "ast": "times", "star": "times", "bullet": "cdot", "land": "and", "wedge": "and", "lor": "or",
    "vee": "or", "varnothing": "emptyset", "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "lparen": "(",
    "rparen": ")", "vert": "|", "mid": "mid", "simeq": "approx", "cong": "approx", "thickapprox": "approx",
    "doteq": "=", "backslash": "setminus", "smallsetminus": "setminus", "ldots": "dots", "cdots": "dots",
    "dotsc": "dots", "dotsb": "dots", "degree": "circ", "infin": "infty", "inf": "infty", "oo": "infty",
    "infinity": "infty", "Infinity": "infty", "root": "sqrt", "isin": "in", "colon": ":", "divides": "mid",
    "imath": "i", "jmath": "j", "euro": "€", "pounds": "£", "textdollar": "$", "percent": "%", "div": "/",
    "slash": "/", "union": "cup", "R": "reals", "Reals": "reals", "Z": "integers", "N": "naturals", "Q": "rationals",
    "C": "complexes",
}  # fmt: skip
"""The name under which the parser knows a name."""

ONLY_IN_LATEX = frozenset((
    "C", "N", "Q", "R", "Z", "ast", "bullet", "ch", "colon", "cong", "degree", "div", "divides", "euro", "ge", "gt",
    "imath", "isin", "jmath", "land", "le", "lor", "lt", "mid", "ne", "percent", "pounds", "root", "sh", "slash",
    "star", "tg", "th", "vee", "vert", "wedge",
))  # fmt: skip
"""Names that are aliases only after a backslash."""

SIGNS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "﹣": "-", "×": r"\times ", "✕": r"\times ", "✖": r"\times ",
    "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "√": r"\sqrt ", "∛": r"\cbrt ", "π": r"\pi ", "∞": r"\infty ", "≤": r"\leq ", "≦": r"\leq ", "⩽": r"\leq ",
    "≥": r"\geq ", "≧": r"\geq ", "⩾": r"\geq ", "≠": r"\neq ", "≈": r"\approx ", "≃": r"\approx ", "≅": r"\approx ",
    "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "∖": r"\setminus ", "±": r"\pm ", "∓": r"\mp ",
    "°": r"^\circ ", "ℝ": r"\reals ", "ℤ": r"\integers ", "ℕ": r"\naturals ", "ℚ": r"\rationals ",
    "ℂ": r"\complexes ", "′": "'", "’": "'", "″": "''", "∣": "|", "⟨": r"\langle ", "⟩": r"\rangle ",
    "〈": r"\langle ", "〉": r"\rangle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "…": r"\dots ", "∶": ":", "∑": r"\sum ", "∫": r"\int ", "∏": r"\prod ", "→": r"\to ", "∧": r"\and ", "∨": r"\or ",
    "、": ",", "，": ",", "；": ";", "：": ":", "（": "(", "）": ")", "【": "[", "】": "]", "。": ".", "ℓ": r"\ell ",
    "‰": r"\permille ", "㎝": "cm", "∘": r"\circ ", "≡": r"\equiv ", "∂": r"\partial ", "º": r"^\circ ", "＋": "+",
    "＝": "=", "％": "%", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "δ": r"\delta ", "ε": r"\epsilon ",
    "ζ": r"\zeta ", "η": r"\eta ", "θ": r"\theta ", "ι": r"\iota ", "κ": r"\kappa ", "λ": r"\lambda ", "μ": r"\mu ",
    "ν": r"\nu ", "ξ": r"\xi ", "ρ": r"\rho ", "σ": r"\sigma ", "ς": r"\varsigma ", "τ": r"\tau ", "υ": r"\upsilon ",
    "φ": r"\phi ", "χ": r"\chi ", "ψ": r"\psi ", "ω": r"\omega ", "Γ": r"\Gamma ", "Δ": r"\Delta ", "Θ": r"\Theta ",
    "Λ": r"\Lambda ", "Ξ": r"\Xi ", "Σ": r"\Sigma ", "Φ": r"\Phi ", "Ψ": r"\Psi ", "Ω": r"\Omega ", "ϵ": r"\epsilon ",
    "ϕ": r"\phi ", "ϑ": r"\vartheta ", "½": r" \frac{1}{2}", "⅓": r" \frac{1}{3}", "⅔": r" \frac{2}{3}",
    "¼": r" \frac{1}{4}", "¾": r" \frac{3}{4}", "⅕": r" \frac{1}{5}", "⅖": r" \frac{2}{5}", "⅗": r" \frac{3}{5}",
    "⅘": r" \frac{4}{5}", "⅙": r" \frac{1}{6}", "⅚": r" \frac{5}{6}", "⅛": r" \frac{1}{8}", "⅜": r" \frac{3}{8}",
    "⅝": r" \frac{5}{8}", "⅞": r" \frac{7}{8}",
}  # fmt: skip
"""Unicode signs in LaTeX."""
