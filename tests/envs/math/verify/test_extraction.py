"""Finding the answer in a completion."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rewardium.envs.math.verify.extraction import Found, extract, find_answer, gold_text
from rewardium.envs.math.verify.extraction.boxes import boxed_answer, lone_boxed_number
from rewardium.envs.math.verify.extraction.found import tidy
from rewardium.envs.math.verify.extraction.pieces import mark_formulas
from rewardium.envs.math.verify.extraction.spans import MARK, Sketch, last_equation, mask
from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH, MAX_COMPLETION_LENGTH

BOXES = [
    (r"\boxed{132}", "132"),
    (r"The sum is $\boxed{132}$.", "132"),
    (r"\boxed {132}", "132"),
    ("\\boxed\n\t{132}", "132"),
    (r"\boxed 5", "5"),
    (r"$\boxed 42$ apples", "42"),
    (r"\boxed{3} or so, \boxed 4", "4"),
    (r"\fbox{7}", "7"),
    (r"\boxed{1}, but in fact \fbox{7}", "7"),
    (r"\fbox{7}, but in fact \boxed{1}", "1"),
    (r"$x=\boxed{\frac{3}{4}}$", r"\frac{3}{4}"),
    (r"\boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
    (r"\boxed{\boxed{7}}", "7"),
    (r"\boxed{\boxed{7}", "7"),
    (r"\boxed{a\}b}", r"a\}b"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    (r"\boxed{\{\}}", r"\{\}"),
    (r"\\boxed{004}", "004"),
    (r"\\boxed{\\frac{1}{2}}", r"\frac{1}{2}"),
    (r"\\boxed{1} and \\boxed{2}", "1, 2"),
    (r"\\boxed{\begin{pmatrix} 1 \\ 2 \end{pmatrix}}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
    (r"a \\ \boxed{5}", "5"),
    (r"a \\\boxed{5}", "5"),
    (r"\boxed{12 $ and $13 }. $ Right.", "12  and 13"),
    (r"\boxed{\$16,\!386.20}", r"\$16,\!386.20"),
    (r"\boxed{x = 5\,.}", "x = 5"),
    (r"\boxed{5!}", "5!"),
    (r"\boxed{not 5}", "not 5"),
    (r"\boxed{5 or 6}", "5 or 6"),
    (r"\boxed{\text{no solution}}", r"\text{no solution}"),
    # Boxes beside each other.
    (r"$\boxed{1}, \boxed{2}$ and \boxed{3}", "1, 2, 3"),
    (r"\(\boxed{1}\) and \(\boxed{-2}\).", "1, -2"),
    (r"$$\boxed{2}; \boxed{3}, \boxed{5}, \text{ and } \boxed{7}$$", "2, 3, 5, 7"),
    (r"$\boxed{1}\boxed{2}$", "1, 2"),
    (r"\boxed{(98, 2)} \quad \text{and} \quad \boxed{(99, 503)}", "(98, 2), (99, 503)"),
    (r"\boxed{1} papers and \boxed{2} bins", "1, 2"),
    (r"\boxed{(3, 3)} \text{ for part (a) and } \boxed{(1, 1)}", "(3, 3), (1, 1)"),
    (r"\($y_1 = \boxed{a} \) and \( y_2 = \boxed{b} \) ", "a, b"),
    ("- \\boxed{1}\n- \\boxed{2}", "1, 2"),
    (r"(a) \boxed{3} (b) \boxed{4}", "3, 4"),
    (r"\boxed{10}\% and \boxed{20}\%", r"10\%, 20\%"),
    (r"\boxed{4}, \boxed{4}", "4"),
    (r"\boxed{5} or \boxed{6}", "5, 6"),
    (r"\boxed{5}. Wait, \boxed{6}", "6"),
    (r"\boxed{5}, no, \boxed{6}", "6"),
    (r"\boxed{1} then \boxed{2}", "2"),
    (r"\boxed{1} = \boxed{2}", "2"),
    (r"\boxed{1} x = \boxed{2}", "2"),
    (r"\boxed{1} no no no no no \boxed{2}", "2"),
    (r"\frac{\boxed{1}}{\boxed{2}}", "2"),
    ("\\boxed{840}.,but let me say it again.\n\n**Final Answer**\n\\boxed{840}", "840"),
    # What stands behind a box and belongs to it.
    (r"\boxed{28} percent", r"28\%"),
    (r"\boxed{28}\%", r"28\%"),
    (r"$\boxed{28}$ pct", r"28\%"),
    (r"$\boxed{28\%}$ percent", r"28\%"),
    (r"$\boxed{5}$ cm", "5"),
    (r"\boxed{204}_5", "204_5"),
    (r"\boxed{90}^\circ", r"90^\circ"),
    # Placeholders and denied boxes are passed over.
    (r"It is \boxed{5}. I was asked to use \boxed{}.", "5"),
    (r"It is \boxed{5}, in the form \boxed{\text{answer}}.", "5"),
    (r"It is \boxed{5}, as in \boxed{...}", "5"),
    (r"\boxed{}. The answer is 5.", "5"),
    (r"It is \boxed{12}, not \boxed{10}.", "12"),
    (r"It is not \boxed{10}, but \boxed{12}.", "12"),
    (r"It is not \boxed{5}. The answer is 6.", "6"),
    # Boxes that nothing closes.
    (r"so \boxed{\frac{1}{2}", r"\frac{1}{2}"),
    (r"so $\boxed{\frac{1}{2}$ and more", r"\frac{1}{2}"),
    ("so \\boxed{12\nand more", "12"),
    (r"\boxed{5} and \boxed{6", "5"),
    # A final answer that is stated behind the box.
    (r"\boxed{255} for one. Final Answer: The final answer is $10,455$. I hope it is correct.", "10,455"),
    (r"\boxed{3}. The final answer is in the box.", "3"),
    (r"\boxed{3}. The final answer is 4 or 5.", "3"),
]


@pytest.mark.parametrize(("completion", "answer"), BOXES)
def test_the_last_box_is_the_answer(completion, answer):
    assert find_answer(completion) == (answer, "")


STATEMENTS = [
    ("The answer is 5.", "5"),
    ("the final answer is 2.5. I hope it is correct.", "2.5"),
    ("The final answer is 5 I hope it is correct", "5"),
    ("Final answer: 3/4", "3/4"),
    ("**Answer:** X", "X"),
    ("**Answer: 42**", "42"),
    ("**Final Answer**\n\n$$x = 5$$", "x = 5"),
    ("## Answer\n42", "42"),
    ("answer = 5", "5"),
    ('{"answer": "5"}', "5"),
    ("ANSWER: 17", "17"),
    ("The answer to the question is 5.", "5"),
    ("So the answer would be 7.", "7"),
    ("The answer is:\n\n\\[\nx = 5\n\\]", "x = 5"),
    ("The answer is 4. No, the answer is 5.", "5"),
    ("blah\n#### 42", "42"),
    ("#### 1,234 dollars", "1,234 dollars"),
    ("#### Step 4: the end\nThe answer is 3.", "3"),
    ("#### 2. Sum up\nIt is $7$", "7"),
    ("Therefore, $5$ is the answer.", "5"),
    ("Hence 42 is our final answer.", "42"),
    (r"The answer is $-\frac{1}{2}$, not $\frac12$.", r"-\frac{1}{2}"),
    ("The answer is $1$ and $2$.", "1, 2"),
    (r"The answer is \( \frac{1}{2} \).", r"\frac{1}{2}"),
    ("The answer is $5$ cm.", "5"),
    ("The answer is 5 cm.", "5 cm"),
    ("The answer is 5, which is 2 more than 3.", "5"),
    ("The answer is 5 because 3 + 2 is 5.", "5"),
    ("The answer is $12$ for $n = 3$.", "12"),
    ('The final answer is "$12 $ and $13 $". I hope it is correct.', "12, 13"),
    ("Final Answer: The largest $n$ is 34.", "34"),
    ("Final Answer: The number of points in the domain of $f(x)$ could be at most 19. Right.", "19"),
    ("Final Answer: The volume of $ABCDEFGH$ is 120. I hope it is correct.", "120"),
    ("Final Answer: Jane started growing them 3 hours ago.", "3 hours"),
    ("The answer is (B)", "(B)"),
    ("Answer: B", "B"),
    ("The correct option is (C).", "(C)"),
    ("The answer is option B, since 5 is odd.", "B"),
    ("The answer is **(B) 42**.", "(B) 42"),
    ("The answer is (B) because 5 is odd.", "(B)"),
    ("The answer is twelve.", "twelve"),
    ("The answer is that there is no solution.", "there is no solution"),
    ("The answer is clear. $x=5$", "x=5"),
    ("The answer is at least 5", "at least 5"),
    ("The answer is 5!", "5!"),
    ("The answer is 0.333...", "0.333..."),
    (r"The answer is $\boxed{5", "5"),
]

FORMULAS = [
    ("$5$", "5"),
    (r"\(5\)", "5"),
    (r"\[5\]", "5"),
    ("$$5$$", "5"),
    ("Answer $ 9 $", "9"),
    ("Answer \\[ \n 9 \n \\]", "9"),
    ("Answer $$ \n 9 \n $$", "9"),
    ("$28$ %", r"28\%"),
    ("$28$ percent", r"28\%"),
    ("so $x = 2$, thus $y = 3$", "y = 3"),
    (r"We find that $x \lt 3$.", r"x \lt 3"),
    ("Therefore $x \\geq 5$ is the solution.", "x \\geq 5"),
    ("$x = 5+5+1 = 7 = 11$", "x = 5+5+1 = 7 = 11"),
    ("the roots are $1$, $2$ and $3$", "1, 2, 3"),
    ("$x = 5$ or $x = 6$", "x = 5 or x = 6"),
    (r"$\frac{1}{2}$ or $0.5$", r"\frac{1}{2}"),
    ("For $n=3$, we get $12$.", "12"),
    ("Since the radius is $3$, the area is $9\\pi$.", "9\\pi"),
    ("$a=3$ leads to $b=4$.", "b=4"),
    ("the sum is $12$ when $n=3$", "12"),
    ("$x$ is 5.", "5"),
    ("so the pair $(x, y)$ that solves the system is $(7, 6)$.", "(7, 6)"),
    ("We have $d = 3$. Therefore, there are 12 sequences that meet the conditions.", "12"),
    (r"It becomes $$\frac{2}{1}.$$ Therefore, the error increases by 100%.", "100%"),
    ("The sum is $12$. Shall I explain why $n = 3$?", "12"),
    (r"so we have \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}.", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"),
    (r"so \begin{align*} x &= 2 + 3 \\ &= 5 \end{align*}", "x = 2 + 3 = 5"),
    (r"\[\begin{aligned} 2x &= 4 \\ x &= 2 \end{aligned}\]", "x = 2"),
    (r"the sum of $\begin{pmatrix}1\end{pmatrix} + \begin{pmatrix}2\end{pmatrix}$",
     r"\begin{pmatrix}1\end{pmatrix} + \begin{pmatrix}2\end{pmatrix}"),
    (r"$ \frac{1}{2} \$ = 5 $", r"\frac{1}{2} \$ = 5"),
    ("In all $5 for the one and $3 for the other, so it is $8.", "8"),
    (r"It costs \$5, so $x = 7$", "x = 7"),
    (r"\\(\\frac{1}{2}\\)", r"\frac{1}{2}"),
    ("(A) $5$", "(A) 5"),
]  # fmt: skip

PLAIN = [
    ("5", "5"),
    ("-5", "-5"),
    ("−5", "−5"),
    (".4", ".4"),
    ("1/2", "1/2"),
    ("1 000", "1 000"),
    ("7,425,000", "7,425,000"),
    ("$1,000.99", "1,000.99"),
    ("1,000.99$", "1,000.99"),
    ("5.", "5"),
    ("\n\n5.\n", "5"),
    ('"5"', "5"),
    ("`5`", "5"),
    ("```\n5\n```", "5"),
    ("**C**", "C"),
    ("**5** cm", "5 cm"),
    ("option D", "D"),
    ("I choose option D.", "D"),
    ("(C) 42", "(C) 42"),
    ("A. Because B is not valid", "A"),
    ("x = 5", "x = 5"),
    ("x = 5 or x = 6", "x = 5 or x = 6"),
    ("x = 5 or 6", "x = 5 or 6"),
    ("x < 2 or x > 5", "x < 2 or x > 5"),
    ("W(x)=1orW(x)=-1", "W(x)=1 or W(x)=-1"),
    ("(11,7) or (7,11)", "(11,7) or (7,11)"),
    (r"\frac{1}{2}", r"\frac{1}{2}"),
    (r"2 \sqrt{3}", r"2 \sqrt{3}"),
    (r"1-2\sin^2 x", r"1-2\sin^2 x"),
    (r"\frac{1}{\frac{1}{a}+\frac{1}{b}}", r"\frac{1}{\frac{1}{a}+\frac{1}{b}}"),
    (r"\log_e 5", r"\log_e 5"),
    (r"0.\overline{3}", r"0.\overline{3}"),
    ("0.(3)", "0.(3)"),
    ("1.2 x 10^5", "1.2 x 10^5"),
    ("300 mm^2", "300 mm^2"),
    (r"3\text{ cm}^2", r"3\text{ cm}^2"),
    (r"8 \text{ percent}", r"8 \text{ percent}"),
    (r"204_{\text{five}}", r"204_{\text{five}}"),
    (r"a\in(0,\infty)", r"a\in(0,\infty)"),
    (r"x=1,\ y=2", r"x=1,\ y=2"),
    (r"x=4 \text{ or } x=9", r"x=4 \text{ or } x=9"),
    (r"(3,4) \text{ and } (1,2)", r"(3,4) \text{ and } (1,2)"),
    (r"A = \frac12\begin{pmatrix}2&4\\6&8\end{pmatrix}", r"A = \frac12\begin{pmatrix}2&4\\6&8\end{pmatrix}"),
    (r"\{\}", r"\{\}"),
    ("i, -i", "i, -i"),
    ("–4", "–4"),
    ("（1，2）", "（1，2）"),
    ("3:30 p.m.", "3:30 p.m."),
    ("June 15", "June 15"),
    ("1/2 # by symmetry", "1/2"),
    ("12 (or 12.0)", "12"),
    ("所以最终答案是42。", "42"),
    ("(1, 2]", "(1, 2]"),
    (r"(-\infty, 3] \cup [5, \infty)", r"(-\infty, 3] \cup [5, \infty)"),
    ("{1,2}", "{1,2}"),
    ("5, 6", "5, 6"),
    ("1/2 or 0.5", "1/2"),
    ("5 or more", "5 or more"),
    ("f(x) = 2x + 1", "f(x) = 2x + 1"),
    ("no solution", "no solution"),
    ("There is no solution.", "There is no solution"),
    ("Monday", "Monday"),
    ("It is Monday.", "Monday"),
    ("all real numbers except 0", "all real numbers except 0"),
    ("5 cm", "5 cm"),
    ("28 percent", "28 percent"),
    ("2 hours and 30 minutes", "2 hours and 30 minutes"),
    ("12:30", "12:30"),
    ("0.333...", "0.333..."),
    ("5!", "5!"),
    ("AZYUK2A", "AZYUK2A"),
    ("print(2)", "print(2)"),
    ("I think 5", "5"),
    ("7, probably", "7"),
    ("so there are 12 apples.", "12"),
    ("the roots are 1, 2, and 3.", "1, 2, 3"),
    ("there are 5 3-digit numbers on the 2nd page", "5"),
    ("Soucis : 2,74 $ a..", "2,74"),
    ("the number is not 10 which is 1,000.99€", "1,000.99€"),
    ("not it's not 10 it's 1,000.99m²", "1,000.99m²"),
    ("not 10 but 12", "12"),
    ("it's not 10 it's 12", "12"),
    ("12, not 10", "12"),
    ("x = 5 (not 6)", "x = 5"),
    ("the answer is not 5, it is 7", "7"),
    ("5 is not the answer, 7 is", "7"),
    ("So it is 12. Does that help?", "12"),
    ("1. We add.\n2. The sum is 12.", "12"),
    ("first 5 and 6\n\nMonday it is, so 11", "11"),
    ("Let us see what it may be.\nSaturday", "Saturday"),
    ("P(A) = (1/2) * (4/3) P(A) = 2/3 Therefore, the chance that Alice wins is 2/3. <|im_start|>user", "2/3"),
]


@pytest.mark.parametrize(("completion", "answer"), STATEMENTS + FORMULAS + PLAIN)
def test_answers_without_a_box(completion, answer):
    assert find_answer(completion) == (answer, "")


NO_ANSWERS = [
    ("", "the response is empty"),
    (" \n ", "the response is empty"),
    ("The answer", "no answer was found"),
    ("I do not know the answer.", "no answer was found"),
    ("No valid answer here", "no answer was found"),
    (
        "It is hard to say anything of use here, sorry about that; I would need to see the problem.",
        "no answer was found",
    ),
    (r"\boxed{}", "the box is empty"),
    (r"\boxed{ }", "the box is empty"),
    (r"$\boxed{?}$", "the box is empty"),
    (r"5 + 3 = \boxed{...}", "the box is empty"),
    (r"\boxed{\text{answer}}", "the box is empty"),
    (r"\boxed{your answer}", "the box is empty"),
    (r"\boxed{\ldots}", "the box is empty"),
    (r"The answer is $\boxed{}$", "the box is empty"),
    (r"\boxed{", "the box is empty"),
    ("5 or 6", "hedges between 5 and 6"),
    ("5 and/or 6", "hedges between 5 and 6"),
    ("either 5 or 6", "hedges between 5 and 6"),
    ("5, 6 or 7", "hedges between 5, 6 and 7"),
    ("5 apples or 6 apples", "hedges between 5 and 6"),
    ("5 (or maybe 6)", "hedges between 5 and 6"),
    ("somewhere between 5 and 6", "hedges between 5 and 6"),
    ("$5$ or $6$", "hedges between 5 and 6"),
    (r"$5 \text{ or } 6$", "hedges between 5 and 6"),
    ("The answer is 5 or 6.", "hedges between 5 and 6"),
    ("The answer is $5 or 6$", "hedges between 5 and 6"),
    ("My answer is 5 or maybe 6.", "hedges between 5 and 6"),
    ("The answer is yes or no", "hedges between yes and no"),
    ("True or false", "hedges between True and false"),
    ("maybe 5", "only guesses at 5"),
    ("It could be 5.", "only guesses at 5"),
    ("5?", "only guesses at 5"),
    ("Is it 5?", "only guesses at 5"),
    ("5 (?)", "only guesses at 5"),
    ("it is not 5", "says only what the answer is not"),
    ("not 5", "says only what the answer is not"),
    ("neither 5 nor 6", "says only what the answer is not"),
    ("The answer is not B.", "says only what the answer is not"),
    (r"5 \text{ or } 6", "hedges between 5 and 6"),
    ("[i for i in range(5)]", "no answer was found"),
    ("verify(gold, answer) == True", "no answer was found"),
    ("the answer is the answer", "no answer was found"),
    ("We are asked for the number of ways to seat 12 people. This is difficult.", "no answer was found"),
    ("It isn't $5$.", "says only what the answer is not"),
    ("5 is not the answer", "says only what the answer is not"),
    ("The answer isn't 5.", "says only what the answer is not"),
    (r"The answer is not \boxed{5}.", "says only what the answer is not"),
    ("<think>so 5", "the reasoning was not finished"),
    (r"<think>a</think>b<think>so \boxed{5}", "the reasoning was not finished"),
    ("<thinking>5</thinking>\n", "nothing follows the reasoning"),
    ("\\boxed{" + "1" * 4001 + "}", "the answer has more than 4000 characters"),
    ("The answer is " + "5" * 4001, "the answer has more than 4000 characters"),
    ("The answer is " + "5" * 40_000, "the answer has more than 4000 characters"),
    ("$" + "5" * 4001 + "$", "the answer has more than 4000 characters"),
    ("5" * 4001, "no answer was found"),
    (None, "the response is no text but NoneType"),
    (b"5", "the response is no text but bytes"),
    (5, "the response is no text but int"),
]


@pytest.mark.parametrize(("completion", "fault"), NO_ANSWERS)
def test_what_is_no_answer_has_a_fault(completion, fault):
    assert find_answer(completion) == (None, fault)


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        (r"<think>\boxed{4}</think>\boxed{5}", "5"),
        ("<think>4? No.</think> The answer is **5 cm**.", "5 cm"),
        ("so it is 4</think>5", "5"),
        ("<think>3</think>4<think>hm</think>5", "5"),
        ("<reasoning>It is 4.</reasoning>5", "5"),
        ("<Thinking>It is 4.</Thinking>5", "5"),
        ("<answer>5</answer>", "5"),
        (r"<think>a</think><answer>\boxed{5}</answer>", "5"),
        ("<think>a</think>It is 4.<answer>5</answer> I hope for 6.", "5"),
        ("<answer>5", "5"),
        ("<answer>5</answer> as asked in <answer></answer>", "5"),
        ("if x < 5 then it is 7", "7"),
        ("It is 5.<|im_end|>\n<|im_start|>user\nAnd what is 3 + 4? It is 7.", "5"),
        ("<|im_start|>assistant\nIt is 5.", "5"),
    ],
)
def test_reasoning_does_not_count(completion, answer):
    assert find_answer(completion) == (answer, "")


def test_only_the_end_of_a_very_long_completion_is_searched():
    assert extract(r"\boxed{4}" + "\n" * MAX_COMPLETION_LENGTH) is None
    assert extract(r"\boxed{4}" + "." * MAX_COMPLETION_LENGTH + r"\boxed{5}") == "5"
    assert extract(r"\boxed{5}" + "a" * (MAX_COMPLETION_LENGTH - 20)) == "5"


def test_the_longest_answer_is_found():
    assert extract("\\boxed{" + "1" * MAX_ANSWER_LENGTH + "}") == "1" * MAX_ANSWER_LENGTH


def test_extract_is_the_text_of_find_answer():
    assert extract("5 or 6") is None
    assert extract(r"\boxed{6}") == find_answer(r"\boxed{6}").text == "6"


@pytest.mark.parametrize(
    ("gold", "text"),
    [
        ("12", "12"),
        ("12000023", "12000023"),
        (" 3/4 ", "3/4"),
        ("no solution", "no solution"),
        ("$9$", "9"),
        (r"\(9\).", "9"),
        (r"$$6 \text{ and } 8$$", r"6 \text{ and } 8"),
        ("$1$ and $2$ and $3$", "1, 2, 3"),
        ("$21, 16$ or $11$", "21, 16, 11"),
        ("$5$ or $5.0$", "5, 5.0"),
        ("5 or 6", "5 or 6"),
        ("maybe 5?", "maybe 5?"),
        ("$125$ miles", "125 miles"),
        ("(A) $5$", "(A) 5"),
        ("$100%$", "100%"),
        ("$1,000", "1,000"),
        ("so $x$ is $5$.", "5"),
        ("The answer is $5$ or $6$", "5, 6"),
        ("The answer is 5.", "5"),
        ("5 + 5 = 10\n#### 10", "10"),
        (r"x \in \boxed{\{-1\} \cup [0,7)}.", r"\{-1\} \cup [0,7)"),
        (r"We find $x=1/5$, or $\boxed{20}$ percent.", r"20\%"),
        (r"$\boxed{35 cm} ++++ \boxed{4}$", "35 cm, 4"),
        (r"$\\left(\\frac{1}{5},\\frac{1}{6}\\right)$", r"\left(\frac{1}{5},\frac{1}{6}\right)"),
        (r"\boxed{}", r"\boxed{}"),
        ("", ""),
        ("$", "$"),
    ],
)
def test_gold_answers_are_taken_at_their_word(gold, text):
    assert gold_text(gold) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" $**5!**\\,.$", "5!"),
        ("0.333...", "0.333..."),
        (".5", ".5"),
        (r"\$5.", r"\$5"),
        (r"5\$", r"5\$"),
        (r"5\%", r"5\%"),
        (r"\,x^2 \quad", "x^2"),
        (r"\left. x \right.", r"\left. x \right."),
        (r"\left\[0,1\right\]", r"\left\[0,1\right\]"),
        ("z^*", "z^*"),
        ("**x = 5**,", "x = 5"),
        ("f'", "f'"),
        ("“yes”", "yes"),
        (r"x=1 \\", "x=1"),
        (r"\begin{matrix} 1 \\ 2 \end{matrix}", r"\begin{matrix} 1 \\ 2 \end{matrix}"),
        (r"\\sqrt{2}", r"\sqrt{2}"),
        ("** . $", ""),
    ],
)
def test_tidying_keeps_what_belongs_to_the_answer(text, expected):
    assert tidy(text) == expected


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("costs $5 and the tax is $3", ()),
        ("from $5 to $6", ()),
        ("$5,$6 each", ("5,",)),
        ("for $5 we get $x = 2$", ("x = 2",)),
        (r"= $10 Cost of it = Weight $\times$ Price", (r"\times",)),
        (r"it is $90 . $ On Monday $10 \%$ more", ("90 .", r"10 \%")),
        ("$ \n 9 \n $", ()),
        ("\\( \n 9 \n \\)", ()),
        (r"$a$$b$", ("a", "b")),
        (r"$$5$", ("5",)),
        (r"\(5 and \(6\)", ("6",)),
        (r"\[ a \\[2pt] b \]", (r"a \\[2pt] b",)),
        (r"\$5 and \\$6$", ("6",)),
        (r"$x \text{ is the number of apples}$", (r"x \text{ is the number of apples}",)),
        (r"$90$° and $5$", (r"90^\circ", "5")),
        (r"\begin{align} x \begin{align}", ()),
        (f"a {MARK} $b$", ("b",)),
    ],
)
def test_mask_tells_mathematics_from_money(text, pieces):
    assert mask(text).pieces == pieces


@pytest.mark.parametrize(
    ("body", "equation"),
    [
        (r"x &= 2 + 3 \\ &= 5", "x = 2 + 3 = 5"),
        (r"2x &= 4, \\[2pt] x &= 2.", "x = 2"),
        (r"x &= 2 \\ y &= \frac{3}{4}", r"x = 2, y = \frac{3}{4}"),
        (r"A &= \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"A = \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"),
        (r"x &= 5 \tag{1} \\", "x = 5"),
        ("", ""),
    ],
)
def test_an_equation_environment_ends_with_an_equation(body, equation):
    assert last_equation(rf"\begin{{align*}} {body} \end{{align*}}") == equation


@pytest.mark.parametrize(
    ("sentence", "pieces"),
    [
        ("there is a 5% chance", ("5%",)),
        ("a = 5", ("a = 5",)),
        ("2xy + 1 is", ("2xy + 1",)),
        ("P(A) = 2/3", ("P(A) = 2/3",)),
        ("f(x) = 2x + 1, right", ("f(x) = 2x + 1",)),
        (r"2 \frac{1}{2} cm", (r"2 \frac{1}{2} cm",)),
        ("1 1/2 cups in 1 000 days", ("1 1/2 cups", "1 000 days")),
        ("(see 5) and (or 6)", ("5", "6")),
        ("60 km/h or 5 in total", ("60 km/h", "5")),
        ("5 apples", ("5",)),
        ("x-axis and/or y", ()),
        ("the 3rd of the 3-digit A2B", ()),
        ("sqrt(2)/2 or pi/4", ("sqrt(2)/2", "pi/4")),
        ("[0, 1) and {2}", ("[0, 1)", "{2}")),
        ("|x|<5", ("|x|<5",)),
        ("1e-5 or 12:30", ("1e-5", "12:30")),
        ("2+2=4.", ("2+2=4",)),
        (")5(", ("5",)),
        ("print(2) or f(2)=3", ("f(2)=3",)),
        (r"so \pi r h^2 holds", (r"\pi r h^2",)),
        ("at 5 p.m. sharp", ("5",)),
        ("it is 1.2 x 10^5 big", ("1.2 x 10^5",)),
    ],
)
def test_formulas_in_plain_text(sentence, pieces):
    assert mark_formulas(Sketch(sentence, ())).pieces == pieces


def test_marks_keep_their_order():
    sketch = mark_formulas(mask("for $a$, 5 and $b$ and 6 hold"))
    assert sketch == (f"for {MARK}, {MARK} and {MARK} and {MARK} hold", ("a", "5", "b", "6"))
    assert sketch.restored() == "for a, 5 and b and 6 hold"


HOSTILE = [
    "\\boxed{" * 20_000,
    "\\boxed{" + "{" * 20_000,
    "\\boxed{1}" * 25_000,
    "\\boxed{1}, " * 22_500,
    "\\boxed{}" * 30_000,
    "\\boxed" + " " * 10**6,
    "\\" * 10**6 + "boxed{",
    "\\boxed{" + "\\," * 3_900 + "}",
    "$" * 10**6,
    "$x$ " * 62_500,
    "$x$? " * 50_000,
    "$$\\$" * 62_500,
    "$foo bar baz " * 20_000,
    "\\(" * 125_000,
    "\\[" * 125_000,
    "\\begin{align}" * 17_500,
    "\\begin{align}" + "a\\\\" * 250_000 + "\\end{align}",
    "the answer is " * 50_000,
    "the answer is " + "(" * 10**6,
    "the answer is" + "\n" * 10**6,
    "answer" + "*" * 10**6,
    "answer: " * 30_000,
    "5 is the answer " * 15_000,
    "#" * 250_000,
    "(" * 10**6,
    "5 or " * 200_000,
    "not 5 " * 37_500,
    "maybe " * 40_000,
    "is 5 " * 50_000,
    "5. " * 75_000,
    "5" * 250_000,
    "a" * 250_000,
    "x'" * 125_000,
    "5or" * 75_000,
    "**a" * 75_000,
    "\n" * 250_000,
    "<think>" * 35_000,
    "</think>" * 30_000,
    "<answer>" * 30_000,
    "<|im_end|>" * 25_000,
    "\\text{" * 40_000,
    MARK * 250_000,
    "\ud800" * 250_000,
    "\0" * 250_000,
]


@pytest.mark.parametrize("completion", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_completions_take_linear_time(completion):
    start = time.process_time()
    answer, fault = find_answer(completion)
    assert time.process_time() - start < 3.0
    assert (answer is None) == bool(fault)
    assert answer is None or 0 < len(answer) <= MAX_ANSWER_LENGTH


FRAGMENTS = [
    "\\boxed{", "\\boxed", "\\fbox{", "\\\\boxed{", "}", "{", "\\{", "\\}", "$", "$$", "\\$", "\\(", "\\)", "\\[",
    "\\]", "\\begin{align}", "\\end{align}", "\\\\", "\\", "&", "\\text{ and }", "\\frac{1}{2}", "\\quad", "\\%", "%",
    "5", "6", "1,000.5", "x", "x = ", "(", ")", "[1, 2)", ",", ".", ". ", "?", "!", ":", ";", "...", "\n", " ", "*",
    "`", '"', "'", "_", "°", "#### ", "not ", "or", " or ", " and ", "maybe ", "either ", "between ", "the answer is",
    "Answer: ", "final ", " is the answer", "option B", "(C)", "A. ", "because ", "which ", " cm", " apples", "percent",
    "is ", "it's ", "<think>", "</think>", "<answer>", "</answer>", "<|im_end|>", "your answer", "I hope", "Therefore ",
    "since ", "**", MARK, "\ud800", "\0", "\u2009", "−", "²",
]  # fmt: skip
completions = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=25).map("".join)


@given(completions | st.text(max_size=60))
@example("\\boxed{\\boxed 5")
@example("\\boxed{\\text{ or }}5 or \\boxed{")
def test_any_text_has_an_answer_or_a_fault(completion):
    found = find_answer(completion)
    assert isinstance(found, Found)
    assert (found.text is None) == bool(found.fault)
    if found.text is not None:
        assert found.text == found.text.strip()
        assert 0 < len(found.text) <= MAX_ANSWER_LENGTH
    assert extract(completion) == found.text


@given(completions | st.text(max_size=60))
def test_any_gold_answer_has_a_text(gold):
    text = gold_text(gold)
    assert isinstance(text, str)
    assert bool(text) == bool(gold.strip())


@given(completions, st.integers(-(10**6), 10**6))
def test_a_box_at_the_end_is_always_found(before, number):
    answer = extract(f"{before}</think>\n\nIt follows that \\boxed{{{number}}}")
    assert answer == str(number)


@given(completions)
def test_the_fast_path_gives_what_the_full_search_gives(text):
    for completion in (text, rf"{text} thus $\boxed{{42}}$."):
        number = lone_boxed_number(completion)
        assert number is None or boxed_answer(completion) == (number, "")


@given(completions)
def test_masking_and_restoring_loses_no_formula(text):
    sketch = mask(text)
    assert sketch.text.count(MARK) == len(sketch.pieces)
    marked = mark_formulas(sketch)
    assert marked.text.count(MARK) == len(marked.pieces)
    assert marked.restored() == sketch.restored()
    middle = len(marked.text) // 2
    left, right = marked.part(0, middle), marked.part(middle, len(marked.text))
    assert left.text + right.text == marked.text
    assert left.pieces + right.pieces == marked.pieces


@given(completions.filter(lambda text: "\\\\" not in text))
def test_tidying_twice_changes_nothing(text):
    assert tidy(tidy(text)) == tidy(text)


@given(st.sampled_from(["5", "12", "1/2", "-3", "0.25"]), st.sampled_from(["6", "13", "2/3", "-4", "0.75"]))
def test_two_numbers_are_never_one_answer(first, second):
    for hedge in ("{} or {}", "The answer is {} or {}.", "I get ${}$ or ${}$.", "{} (or maybe {})", "either {} or {}"):
        assert extract(hedge.format(first, second)) is None
    for choice in ("not {} but {}", "The answer is not {}, it is {}.", "it's not ${}$, it's ${}$"):
        assert extract(choice.format(first, second)) == second
