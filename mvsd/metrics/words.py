"""How well words come across: errors of a recogniser."""

from __future__ import annotations

import re
from collections.abc import Callable

from torch import Tensor

from mvsd.metrics.undefined import Undefined

Recogniser = Callable[[Tensor], str]  # (samples,) at 16 kHz -> words


def spelled(text: str) -> str:
    """Lower case, letters, digits and apostrophes: what two transcripts are compared in."""
    return " ".join(re.sub(r"[^a-z0-9' ]+", " ", text.lower()).split())


def word_errors(reference: str, heard: str) -> tuple[int, int]:
    """Substituted, deleted and inserted words, and words of the reference (package jiwer).

    Raises Undefined where the reference has no words. The rate of a set is its errors over its words.
    """
    import jiwer

    if not spelled(reference):
        raise Undefined("the reference has no words")
    counted = jiwer.process_words(spelled(reference), spelled(heard))
    errors = counted.substitutions + counted.deletions + counted.insertions
    return errors, counted.hits + counted.substitutions + counted.deletions
