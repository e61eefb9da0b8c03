"""What a listener says about themselves, checked against what was asked."""

from __future__ import annotations

from typing import Any

from mvsd.errors import UserError
from mvsd.study.parts import words
from mvsd.study.spec import Study

LONGEST = 500  # characters of an answer


def asked(study: Study, language: str) -> list[dict[str, Any]]:
    """The questions as the page shows them."""
    stored = study.languages[0]  # whatever the language of the page
    return [
        {
            "id": q.id,
            "ask": words(q.ask, language),
            "required": q.required,
            "choices": [{"value": words(c, stored), "label": words(c, language)} for c in q.choices],
        }
        for q in study.questionnaire
    ]


def read_questionnaire(study: Study, given: Any, language: str) -> dict[str, str]:
    """An answer for each question; empty where none is required and none was given."""
    if not isinstance(given, dict) or set(given) - {q.id for q in study.questionnaire}:
        raise UserError("These answers belong to other questions. Reload the page.")
    answers = {}
    for question in study.questionnaire:
        answer = given.get(question.id, "")
        ask = words(question.ask, language)
        if not isinstance(answer, str) or len(answer) > LONGEST:
            raise UserError(f"{ask} The answer is too long; {LONGEST} characters fit.")
        if question.required and not answer.strip():
            raise UserError(f"{ask} Please answer this one.")
        if question.choices and answer and answer not in [words(c, study.languages[0]) for c in question.choices]:
            raise UserError(f"{ask} Choose one of the answers offered.")
        answers[question.id] = answer
    return answers
