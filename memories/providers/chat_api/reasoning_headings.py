"""Reasoning under a heading of its own, such as `**Thinking:**`, that another heading ends, such as `**Answer:**`.

Models without tags for it write so, in the language of the question.
"""

import re

REASONING = (
    "analysis", "chain of thought", "internal monologue", "my reasoning", "my thought process", "my thoughts",
    "reasoning", "reasoning process", "step-by-step reasoning", "thinking", "thinking process", "thought",
    "thought process", "thoughts",
    "denkprozess", "gedanken", "gedankengang", "meine überlegung", "meine überlegungen", "überlegung", "überlegungen",
    "raisonnement", "réflexion", "réflexions", "mon raisonnement", "razonamiento", "pensamiento", "pensamientos",
    "ragionamento", "pensieri", "raciocínio", "pensamento", "redenering", "gedachten", "resonemang", "rozumowanie",
    "рассуждение", "рассуждения", "размышление", "размышления", "ход мыслей", "思考", "思考过程", "思考過程", "思路",
    "推理", "推理过程", "推論", "추론", "생각",
)  # fmt: skip
ANSWER = (
    "answer", "final answer", "final response", "my answer", "response", "the answer",
    "antwort", "endgültige antwort", "finale antwort", "meine antwort", "réponse", "réponse finale", "respuesta",
    "respuesta final", "risposta", "risposta finale", "resposta", "resposta final", "antwoord", "svar", "odpowiedź",
    "ответ", "окончательный ответ", "回答", "最终回答", "答案", "最终答案", "最終回答", "답변", "최종 답변",
)  # fmt: skip
MARKS = "#*_>"  # of headings, bold and quoted text
_END = r"(?:\s*[:：*_]|\s*\n|\s*…|\s*\.{3})"


def _list_words(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


OPENING = re.compile(rf"[\s{MARKS}]{{0,12}}(?:{_list_words(REASONING)})(?={_END})", re.IGNORECASE)
# What follows must be known: a colon or stars may be part of the heading, or of the answer after a blank.
CLOSING = re.compile(
    rf"(?:\n[ \t{MARKS}]{{0,12}}|[*_]{{2}})(?:{_list_words(ANSWER)})[ \t]{{0,3}}[:：*_\n][:：*_]{{0,4}}\s{{0,8}}"
    r"(?:(?=[^\s:：*_])|(?<=\s)(?=\S))"
    r"|\.{3}\s?done thinking\.\s{0,8}(?=\S)|</(?:think|thinking|thought)>",
    re.IGNORECASE,
)
_MAY_OPEN = re.compile(rf"(?:{_list_words(REASONING)})\s*\.{{0,2}}", re.IGNORECASE)


def may_open(output: str) -> bool:
    """Return whether the output may still become such a heading."""
    text = output.lstrip(MARKS + " \t\r\n").lower()
    return any(word.startswith(text) for word in REASONING) or _MAY_OPEN.fullmatch(text) is not None
