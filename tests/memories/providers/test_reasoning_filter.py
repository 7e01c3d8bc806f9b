"""A model's reasoning is removed from its output, however it is marked and wherever the stream is cut into pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as extent
from hypothesis import strategies as st

from memories.providers.chat_api.reasoning_filter import ReasoningFilter

SECRET = "SECRET thoughts [2] < 3 and [x"
ANSWER = "You are allergic [1]."
HARMONY = (
    f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}"
)
MARKED = [
    f"<think>{SECRET}</think>{ANSWER}",
    f"<think>\n{SECRET}\n</think>\n\n{ANSWER}",
    f"<THINK>{SECRET}</Think>{ANSWER}",
    f'<think type="long">{SECRET}</think >{ANSWER}',
    f"<thinking>{SECRET}</thinking>{ANSWER}",
    f"<thought>{SECRET}</thought>{ANSWER}",
    f"<reasoning>{SECRET}</reasoning>{ANSWER}",
    f"<seed:think>{SECRET}</seed:think>{ANSWER}",
    f"<antThinking>{SECRET}</antThinking>{ANSWER}",
    f"<chain_of_thought>{SECRET}</chain_of_thought>{ANSWER}",
    f"<inner-monologue>{SECRET}</inner-monologue>{ANSWER}",
    f"<thought_process>{SECRET}</thought_process>{ANSWER}",
    f'<details type="reasoning" done="true"><summary>Thought for 3 seconds</summary>{SECRET}</details>{ANSWER}',
    f"<details>\n<summary>Thinking...</summary>{SECRET}</details>{ANSWER}",
    f"<｜begin▁of▁thought｜>{SECRET}<｜end▁of▁thought｜>{ANSWER}<｜end▁of▁sentence｜>",
    f"[THINK]{SECRET}[/THINK]{ANSWER}",
    f"◁think▷{SECRET}◁/think▷{ANSWER}",
    f"<think>{SECRET}</think><think>{SECRET}</think>{ANSWER}",
    f"<think>{SECRET}<think>{SECRET}</think>{ANSWER}",
    f"{ANSWER}<think>{SECRET}</think>",
    HARMONY,
    f"{HARMONY}<|return|>",
    f"<|start|>assistant{HARMONY}<|return|>",
    f"<|channel|>commentary<|message|>{SECRET}<|end|>{HARMONY}",
    HARMONY.replace("final", "final <|constrain|>json"),
    HARMONY.removeprefix("<|channel|>"),
    f"<|channel|>final<|message|>{ANSWER}<|return|>",
    f"<|start|>assistant<|message|>{ANSWER}<|end|>",
    f"analysisThe {SECRET}assistantfinal{ANSWER}",
    f"analysisWe {SECRET}assistantcommentaryto {SECRET}assistantfinal{ANSWER}",
    f"<|START_THINKING|>{SECRET}<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>",
    f"<|begin_of_thought|>{SECRET}<|end_of_thought|><|begin_of_solution|>{ANSWER}<|end_of_solution|>",
    f"<|inner_prefix|>{SECRET}<|inner_suffix|>{ANSWER}",
    f"<|channel>thought\n{SECRET}<channel|>{ANSWER}",
    f"<unused94>thought\n{SECRET}<unused95>{ANSWER}",
    f"Here is my thought process: {SECRET}\n\nHere is my response: {ANSWER}",
    f"**Thinking:** {SECRET}\n\n**Answer:** {ANSWER}",
    f"**Thinking**: {SECRET}\n\n**Answer**: {ANSWER}",
    f"### Thought process\n{SECRET}\n\n### Final answer\n\n{ANSWER}",
    f"Thinking: {SECRET}\nThe answer would be wrong.\nFinal Answer: {ANSWER}",
    f"Thinking\n\n{SECRET}\n\nAnswer:\n{ANSWER}",
    f"Thinking...\n{SECRET}\n...done thinking.\n\n{ANSWER}",
    f"*Thoughts* {SECRET}\n__Response__\n{ANSWER}",
    f"> **Reasoning:**\n> {SECRET}\n\n**Answer:**\n{ANSWER}",
    f"**Überlegung:** {SECRET}\n\n**Antwort:** {ANSWER}",
    f"**思考过程：** {SECRET}\n\n**最终答案：** {ANSWER}",
    f"analysis\n{SECRET}\nfinal answer: {ANSWER}",
    f"Thinking: {SECRET}</think>\n\n{ANSWER}",
    f"<|im_start|>assistant\n{ANSWER}<|im_end|>",
    f"{ANSWER}<|eot_id|>",
]
UNOPENED = [f"{SECRET}</think>{ANSWER}", f"{SECRET}\n[/THINK]\n{ANSWER}", f"{SECRET}</seed:think>{ANSWER}"]
UNFINISHED = [
    f"<think>{SECRET}",
    f"[THINK]{SECRET}",
    f'<details type="reasoning">{SECRET}',
    f"<|channel|>analysis<|message|>{SECRET}",
    f"analysisThe {SECRET}",
    f"<think>{SECRET}</think><think>{SECRET}",
    "<|channel|>analysis",
    f"**Thinking:** {SECRET}",
    f"### Reasoning\n{SECRET}\n\n**Answer:**",
]
PLAIN = [
    ANSWER,
    "5 < 6 and [x] of 2 <= 3, a<b, <3",
    "Analysis of your memories [1].",
    "analysis paralysis",
    "Final answer: [1]",
    "Here is my answer [1]",
    "[1] [2",
    "I think <b>so</b>",
    "Thinking of tea helps you [1]: **Answer:** yes.",
    "**Thoughtful** people [1].",
    "Reasoning about it [1]",
    "Thoughts [1]",
    "Analysis",
    "<details>\n<summary>More</summary>tea</details> [1]",
    "A\n<",
    "",
]


def read(pieces: list[str], *, is_opened: bool = False, is_held: bool = False) -> tuple[str, ReasoningFilter]:
    output = ReasoningFilter(is_opened=is_opened, is_held=is_held)
    text = "".join([output.feed(piece) for piece in pieces])
    return text + output.end(), output


def cut(output: str, places: list[int]) -> list[str]:
    bounds = [0, *sorted(place % (len(output) + 1) for place in places), len(output)]
    return [output[start:end] for start, end in pairwise(bounds)]


@pytest.mark.parametrize("output", MARKED)
def test_only_the_answer_is_left_in_pieces_of_any_size(output: str) -> None:
    for size in (1, 2, 3, 7, len(output)):
        pieces = [output[start : start + size] for start in range(0, len(output), size)]
        for is_held in (False, True):
            text, parsed = read(pieces, is_held=is_held)
            assert (text.strip(), parsed.is_unfinished) == (ANSWER, False)


@extent(max_examples=150, deadline=None)
@given(output=st.sampled_from(MARKED + UNFINISHED), places=st.lists(st.integers(0, 400), max_size=12))
def test_nothing_of_the_reasoning_is_passed_on_wherever_pieces_end(output: str, places: list[int]) -> None:
    text, _parsed = read(cut(output, places))
    assert not {"SECRET", "thoughts", "[2]"} & set(text.split())
    assert text.strip() in (ANSWER, "")


@pytest.mark.parametrize("output", UNOPENED)
def test_reasoning_without_opening_tag_is_removed_if_output_is_held_or_known_to_begin_so(output: str) -> None:
    for options in ({"is_held": True}, {"is_opened": True}):
        text, parsed = read(list(output), **options)
        assert text.strip() == ANSWER
        assert (parsed.was_unopened, parsed.is_retracted) == ("is_held" in options, False)


@pytest.mark.parametrize("output", UNOPENED)
def test_closing_tag_after_passed_text_retracts_it(output: str) -> None:
    _text, parsed = read(list(output))
    assert parsed.is_retracted


@pytest.mark.parametrize("output", UNFINISHED)
def test_unfinished_reasoning_is_no_answer(output: str) -> None:
    for options in ({}, {"is_held": True}, {"is_opened": True}):
        text, parsed = read(list(output), **options)
        assert (text.strip(), parsed.is_unfinished) == ("", True)


@pytest.mark.parametrize("output", PLAIN)
def test_other_text_is_unchanged(output: str) -> None:
    for pieces in (list(output), [output]):
        text, parsed = read(pieces)
        assert text == output
        assert (parsed.has_reasoning, parsed.is_unfinished) == (False, False)


def test_plain_text_is_passed_on_at_once() -> None:
    output = ReasoningFilter()
    assert [output.feed(piece) for piece in ("Pea", "nuts", " [1]", ".")] == ["Pea", "nuts", " [1]", "."]


def test_long_reasoning_is_not_stored() -> None:
    output = ReasoningFilter()
    output.feed("<think>")
    for _ in range(1_000):
        assert output.feed("thoughts " * 10) == ""
    assert len(output._input) < 200
    assert output.feed("</think>Yes.") == "Yes."
