#!/usr/bin/env python3
"""Read and compare MATH answers as lm-evaluation-harness does, for the tests of `vpt_text::eval::scorer`.

    pip install -r tests/golden/requirements-eval.txt
    python tests/golden/make_math.py

All functions are the harness's own. Its computer algebra is asked too, to say how many verdicts the
string rules alone would miss. Writes tests/golden/math/scores.json.
"""

import json
import random
from pathlib import Path

import lm_eval
from lm_eval.tasks.hendrycks_math import utils as hendrycks
from lm_eval.tasks.minerva_math import utils as minerva

ANSWERS = [
    "7", "-7", "+7", "07", "0", "-0", "1,000", "12,34", "0,1", "1,000,000", "-1,234", "0.5", ".5", "-.5", "0.50", "1/2", "-1/2", "1/02", "+1/2", "x/2", "1/2/3", "1 / 2", "1_0/2", "٣/٤",
    "\\frac12", "\\frac{1}{2}", "\\dfrac{1}{2}", "\\tfrac12", "\\frac1{72}", "\\frac{72}1", "\\frac", "\\frac1", "\\frac 12", "\\frac{\\sqrt2}{2}", "-\\frac{1}{2}", "2\\frac12",
    "\\sqrt3", "\\sqrt{3}", "\\sqrt", "\\sqrt[3]8", "\\sqrt[3]{8}", "\\sqrt 3", "2\\sqrt3", "\\sqrt\\pi", "\\sqrt12",
    "90^\\circ", "90^{\\circ}", "10\\%", "10%", "\\$12.50", "$12.50$", "12.50\\$", "5 dollars", "5\\text{ meters}", "5\\text{ m}\\text{ s}", "5 \\mbox{ cm}", "5\\text{ cm}^2", "5 cm", "5cm", "2\\pi cm", "2\\picm",
    "x=5", "k = 5", "xy=5", "x=y=5", "=5", "a=", "x \\in [2,5)", "[2,5)", "(1, 2)", "\\left(3,\\frac{\\pi}{2}\\right)", "\\left( 1, 2 \\right)", "(-\\infty, 3)", "\\{1, 2\\}", "1, 2, \\text{and } 3", "1,\\text{and}2",
    "\\text{Evelyn}", "\\textbf{B}", "\\text{(C)}", "\\text{June 20}", "\\mathrm{th}", "5^{\\mathrm{th}}", "\\overline{AB}", "\\boxed{7}", "\\mbox{east}", "a square", "square root", "two ways", "an apple", "the answer is 5", "units", "\\units", "half", "left", "\\left", "feet", "15 feet", "points (1,2)", "degrees", "45 degrees", "digits\\text{digits}",
    "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "x^2+1", "x^{2} + 1", "1.5\\times10^3", "3\\cdot4", "\\ldots", "1,2,\\ldots,9", "1,\\!000", "1{,}000", "3\\;4", "\"5\"", "5.", "5.$", "$5$.", "$a$ and $b$", "$", "$$", "", " ", "\n", "a\nb", "$1$\n$2$", "\\text{\ns}", "\\text{}^2", "\\text{.}", "\\!", "\\\\", "{.5}", "x .5", "é", "√3", "∞",
    "\\frac{a}{b}=\\frac12", "fractions", "sqrt", "frac12", "sqrt3", "\\boxed{\\boxed{3}}", "\\text{a}\\text{b}", "\\text{a\\textbf{b}}", "[invalidanswer]",
]
BETWEEN = [" ", "", "=", ",", "/", "$", "\\text{", "}", "{", "\\frac", "\\sqrt", " cm", "\\left", ".", "\n", "^\\circ", "\\%", "a ", "\\ "]
FRAMES = [
    "{}", "${}$", "So ${}$ it is.", "Final Answer: The final answer is ${}$. I hope it is correct.", "Final Answer: The final answer is {}. I hope it is correct.",
    "Final Answer: The final answer is {}", "Final Answer: The final answer is ${}$. ", "The final answer is {}. I hope it is correct.", "x\nFinal Answer: The final answer is ${}$. I hope it is correct.\nFinal Answer: The final answer is $9$. I hope it is correct.", "Final Answer: The final answer is\n{}. I hope it is correct.", "first $1$ then ${}$", "\\boxed{{{}}}",
]
SOLUTIONS = ["so $\\boxed{{{}}}$.", "\\boxed{{{}}}", "\\boxed {}$ ok", "\\boxed{{1}} and \\boxed{{{}}}", "\\fbox{{{}}}", "\\boxed{{{}", "none {}", "\\boxed{{2}} then \\boxed {}$", "\\boxed}}{{{}}}"]


def gold(module, solution):
    """What the harness compares with; none where it raises an exception."""
    try:
        return module.remove_boxed(module.last_boxed_only_string(solution))
    except (AssertionError, TypeError):
        return None


def stripped(text):
    try:
        return hendrycks.strip_string(text)
    except Exception:
        return None


def responses():
    draw = random.Random(20261)
    seen = set()
    for answer in ANSWERS:
        for frame in draw.sample(FRAMES, 2):
            yield frame.format(answer), draw.choice([answer, answer, draw.choice(ANSWERS)])
    while True:
        pieces = [draw.choice(draw.choice([ANSWERS, BETWEEN])) for _ in range(draw.randint(2, 4))]
        text = "".join(pieces)
        if text not in seen:
            seen.add(text)
            yield draw.choice(FRAMES).format(text), draw.choice([text, draw.choice(ANSWERS)])


def main():
    draw = random.Random(20262)
    items, missed = [], 0
    for response, answer in responses():
        solution = draw.choice(SOLUTIONS[:2] if draw.random() < 0.7 else SOLUTIONS).format(answer)
        theirs = gold(minerva, solution)
        assert theirs == gold(hendrycks, solution)
        item = {"response": response, "solution": solution, "boxed": theirs}
        found = minerva.normalize_final_answer(minerva.get_unnormalized_answer(response))
        item["minerva"] = {"extracted": found}
        dollars = [at for at, character in enumerate(response) if character == "$"]
        inside = response if len(dollars) <= 1 else response[dollars[0] + 1 : dollars[-1]]
        item["hendrycks"] = {"extracted": inside, "stripped": stripped(inside)}
        if theirs is not None:
            normal = minerva.normalize_final_answer(theirs)
            item["minerva"]["gold"] = normal
            item["minerva"]["right"] = bool(found) and found == normal
            missed += minerva.is_equiv(found, normal) != item["minerva"]["right"]
            document = {"problem": "", "solution": solution}
            item["hendrycks"]["right"] = bool(hendrycks.process_results(document, [response])["exact_match"])
        items.append(item)
        if len(items) == 300:
            break
    out = Path(__file__).parent / "math" / "scores.json"
    out.parent.mkdir(exist_ok=True)
    text = json.dumps({"lm_eval": lm_eval.__version__, "items": items}, ensure_ascii=True, separators=(",", ":"))
    out.write_text(text.replace('},{"response"', '},\n{"response"') + "\n")
    right = {key: sum(bool(item[key].get("right")) for item in items) for key in ("minerva", "hendrycks")}
    print(len(items), "strings; right:", right, "; verdicts that computer algebra changes:", missed)


if __name__ == "__main__":
    main()
