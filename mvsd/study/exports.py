"""Texts of a frozen study for others: what to register before the first listener, how to cite it."""

from __future__ import annotations

from pathlib import Path

from mvsd.study.frozen import FrozenStudy, open_frozen, read_seal
from mvsd.study.parts import words
from mvsd.study.spec import Study
from mvsd.study.table_files import replace_file

REGISTRATION = """# Preregistration: {title}

Study `{id}`, frozen {frozen}, SHA-256 `{sha256}`.

- Question: {question}
- Form: {form}; tie {tie}; reference: {reference}; picture: {picture}
- Methods: {methods}
- Compared: {pairs}
- Items: {items} ({datasets})
- Listeners: until {listeners} valid sessions; no test before that number is reached
- Trials of a listener: {per_session} test, {gold} gold, {identical} identical, {repeat} repeat, {practice} practice
- Headphone check: {headphones}
- Sides: halved exactly for each listener and each item; order by seed {seed} and session
- An answer counts once each side{and_reference} was heard for {heard} s
- Level: {level}
- Excluded from the screened result, never from the headline: more than {gold_wrong} of {gold} gold trials wrong{others}
- Analysis: {confidence:.0%} intervals over listeners and items; correction over cells of {cells}. {plan}
"""
CITATION = """{authors}. {title} (listening study `{id}`, version {short}). Made with MVSD Studio {version}, {year}.
"""


def write_exports(folder: Path) -> list[Path]:
    """preregistration.md and citation.txt of a frozen study."""
    frozen, seal = open_frozen(folder), read_seal(folder)
    texts = {
        "preregistration.md": REGISTRATION.format(frozen=seal["frozen_utc"], **_facts(frozen)),
        "citation.txt": CITATION.format(
            authors=", ".join(frozen.study.authors) or "Unnamed",
            title=words(frozen.study.title, "en"),
            id=frozen.id,
            short=frozen.sha256[:12],
            version=seal["mvsd"],
            year=seal["frozen_utc"][:4],
        ),
    }
    for name, text in texts.items():
        replace_file(folder / name, text)
    return [folder / name for name in texts]


def _facts(frozen: FrozenStudy) -> dict[str, object]:
    study, trials = frozen.study, frozen.study.trials
    return {
        "id": frozen.id,
        "sha256": frozen.sha256,
        "title": words(study.title, "en"),
        "question": words(study.question, "en"),
        "form": study.form,
        "tie": "allowed" if study.tie else "not allowed",
        "reference": study.reference,
        "picture": "shown" if study.picture else "not shown",
        "methods": "; ".join(f"{name} ({method.label})" for name, method in study.methods.items()),
        "pairs": "; ".join(f"{a} and {b}" for a, b in study.pairs),
        "items": len(study.test_items),
        "datasets": ", ".join(sorted({item.dataset for item in study.test_items})),
        "listeners": study.stop.listeners,
        "per_session": trials.per_session,
        "gold": len(trials.gold),
        "identical": trials.identical,
        "repeat": trials.repeat,
        "practice": len(trials.practice),
        "headphones": _headphones(study),
        "seed": study.seed,
        "and_reference": " and the reference" if study.listening.reference else "",
        "heard": study.listening.min_heard_s,
        "level": f"{study.level.rule} at {study.level.target_db} dB" if study.level.rule != "none" else "as made",
        "gold_wrong": study.exclusions.gold_wrong_at_most,
        "others": _other_rules(study),
        "confidence": study.analysis.confidence,
        "cells": study.analysis.cells,
        "plan": study.analysis.text,
    }


def _headphones(study: Study) -> str:
    check = study.headphones
    if check is None:
        return "none"
    then = "who has fewer is turned away" if check.gate else "a column of the results, nobody is turned away"
    return f"Huggins pitch, {check.right_at_least} of {check.trials} right; {then}"


def _other_rules(study: Study) -> str:
    rules = study.exclusions
    told = {
        "identical pairs answered on one side": rules.identical_one_side_at_most,
        f"answers under {rules.fast_s} s": rules.fast_answers_at_most,
    }
    return "".join(f"; more than {most} {what}" for what, most in told.items() if most is not None)
