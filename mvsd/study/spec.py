"""study.yaml: everything a study is, as frozen values, checked with messages that name the line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mvsd.study.parts import Count, Name, Part, Words, checked, language_faults, read_text

FILE = "study.yaml"
TOO_DRY, TOO_LIVE = "too dry", "too live"


class Consent(Part):
    version: str
    text: Words
    retention: Words  # how long answers are kept, in words
    ethics: str = ""  # number of the approval
    contact: str = ""


class Question(Part):
    """One question of the questionnaire. Without choices: free text."""

    id: Name
    ask: Words
    choices: list[Words] = []
    required: bool = True


class Method(Part):
    """label: in tables, never shown to listeners. system: what makes its clips; `files` where items name them."""

    label: str
    system: str = "files"
    settings: dict[str, str | int | float] = {}


class Item(Part):
    """One scene. Files are relative to the folder of study.yaml; clips: ready sounds of some methods."""

    id: Name
    dataset: Name = "default"
    picture: str | None = None
    speech: str | None = None  # dry source, for systems that convert
    reference: str | None = None  # real clip from the room
    clips: dict[Name, str] = {}


class Gold(Part):
    """A trial with a right answer: one side is the reference itself, the other has a fault."""

    item: Name
    wrong: Name  # method of the faulty side
    fault: Literal["too dry", "too live"]


class Trials(Part):
    per_session: Annotated[int, Field(ge=1, le=400)]  # test trials of one listener
    practice: list[Name] = []  # items kept for practice
    gold: list[Gold] = []
    identical: Count = 0
    repeat: Count = 0
    per_block: Annotated[int, Field(ge=1)] = 15  # a break after so many
    break_s: Count = 30


class Headphones(Part):
    """A test for headphones before the practice: Huggins pitch, three bursts of noise with a tone in one of them.

    Its result is a column. gate: who gets fewer right than right_at_least is turned away.
    """

    trials: Annotated[int, Field(ge=1, le=20)] = 6
    right_at_least: Count = 5
    gate: bool = False


class Listening(Part):
    """What must have been heard before an answer counts; the server checks it."""

    min_heard_s: Annotated[float, Field(ge=0, le=60)] = 2.0  # of each side, and of the reference
    reference: bool = True


class Level(Part):
    """loudness: every clip brought to target_db LUFS (BS.1770). none: left as made."""

    rule: Literal["loudness", "none"] = "loudness"
    target_db: Annotated[float, Field(ge=-60, le=-10)] = -26.0


class Stop(Part):
    listeners: Annotated[int, Field(ge=1, le=2000)]  # valid sessions wanted
    abandoned_after_min: Annotated[float, Field(gt=0)] = 60.0


class Exclusions(Part):
    """Decided in advance, on gold and play data alone. None: this rule is not used."""

    gold_wrong_at_most: Count | None = 1
    identical_one_side_at_most: Count | None = None
    fast_answers_at_most: Count | None = None
    fast_s: Annotated[float, Field(gt=0)] = 1.0


class Plan(Part):
    """The analysis, as registered. cells: what Holm's correction counts over."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    cells: Literal["pair", "pair and dataset"] = "pair"
    text: str = ""


class Study(Part):
    """form: preference asks left or right; abx which of them X is; ccr -3 to 3; mos 1 to 5 of one clip.

    reference: the same words from the same room, other words from it, or none.
    """

    title: Words
    question: Words
    languages: list[str] = ["en"]
    authors: list[str] = []
    form: Literal["preference", "abx", "ccr", "mos"] = "preference"
    tie: bool = False
    reference: Literal["same words", "other words", "none"] = "same words"
    picture: bool = True
    seed: Count = 0
    participant_parameter: Name | Literal["PROLIFIC_PID"] = "participant"
    completion_url: str = ""
    consent: Consent
    questionnaire: list[Question] = []
    methods: dict[Name, Method]
    truth: Name | None = None  # the method that is the reference itself: right in gold trials
    compare: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] = []
    items: Annotated[list[Item], Field(min_length=1)]
    trials: Trials
    headphones: Headphones | None = None
    listening: Listening = Listening()
    level: Level = Level()
    stop: Stop
    exclusions: Exclusions = Exclusions()
    analysis: Plan = Plan()

    @property
    def test_items(self) -> list[Item]:
        return [item for item in self.items if item.id not in self.trials.practice]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Compared methods; of a rating each method alone, twice."""
        return [(m, m) for m in self.methods] if self.form == "mos" else [(a, b) for a, b in self.compare]

    def item(self, id: str) -> Item:
        return next(item for item in self.items if item.id == id)


def read_study(folder: Path) -> Study:
    """The study of a folder, or a UserError that lists every line to mend."""
    file = folder / FILE
    return study_from(read_text(file, f"Begin with `python -m mvsd study init {folder.name}`."), str(file))


def study_from(text: str, name: str = FILE) -> Study:
    return checked(Study, text, name, _faults)


def _faults(study: Study):
    """What no single value can show: names that point nowhere, numbers that do not agree."""
    yield from _unknown_names(study)
    yield from _languages(study)
    for key in ("items", "questionnaire"):
        counts = Counter(part.id for part in getattr(study, key))
        for index, part in enumerate(getattr(study, key)):
            if counts[part.id] > 1:
                yield (key, index, "id"), f"{part.id} is used twice. Give each its own."
    if study.form != "mos" and not study.compare:
        yield ("compare",), "is missing. Name the two methods to compare, as [[ours, input]]."
    cells = len(study.test_items) * len(study.pairs)
    if study.trials.per_session > cells:
        yield ("trials", "per_session"), f"got {study.trials.per_session}; items and pairs make only {cells} trials."
    if study.trials.repeat > study.trials.per_session:
        yield ("trials", "repeat"), f"got {study.trials.repeat}; only test trials are repeated. Ask for fewer."
    if study.headphones and study.headphones.right_at_least > study.headphones.trials:
        yield ("headphones", "right_at_least"), f"there are only {study.headphones.trials} trials. Ask for fewer."
    yield from _item_faults(study)
    yield from _gold_faults(study)


def _unknown_names(study: Study):
    methods, items = set(study.methods), {item.id for item in study.items}
    used = [(("compare", i, j), m, methods) for i, pair in enumerate(study.compare) for j, m in enumerate(pair)]
    used += [(("items", i, "clips", m), m, methods) for i, item in enumerate(study.items) for m in item.clips]
    used += [(("trials", "practice", i), id, items) for i, id in enumerate(study.trials.practice)]
    for i, gold in enumerate(study.trials.gold):
        used += [
            (("trials", "gold", i, "item"), gold.item, items),
            (("trials", "gold", i, "wrong"), gold.wrong, methods),
        ]
    if study.truth:
        used.append((("truth",), study.truth, methods))
    for path, name, known in used:
        if name not in known:
            yield path, f"{name} is not among {', '.join(sorted(known))}. Name one of these."
    for i, (first, second) in enumerate(study.compare):
        if first == second:
            yield ("compare", i), f"{first} is compared with itself. Use trials.identical for that."


def _languages(study: Study):
    texts = [(("title",), study.title), (("question",), study.question)]
    texts += [(("consent", key), getattr(study.consent, key)) for key in ("text", "retention")]
    texts += [(("questionnaire", i, "ask"), q.ask) for i, q in enumerate(study.questionnaire)]
    choices = [(i, j, choice) for i, q in enumerate(study.questionnaire) for j, choice in enumerate(q.choices)]
    texts += [(("questionnaire", i, "choices", j), choice) for i, j, choice in choices]
    yield from language_faults(study.languages, texts)


def _item_faults(study: Study):
    if study.truth and study.reference != "same words":
        yield ("truth",), "is the reference of the same words, which this study has not. Take it out; name its clips."
    for i, item in enumerate(study.items):
        if study.picture and not item.picture:
            yield ("items", i), f"{item.id} has no picture. Add one, or set picture: false for the study."
        if study.reference != "none" and not item.reference:
            yield ("items", i), f"{item.id} has no reference. Add one, or set reference: none for the study."
        for name, method in study.methods.items():
            if method.system == "files" and name not in item.clips and name != study.truth:
                yield ("items", i), f"{item.id} has no clip of {name}. Add it under clips, or give {name} a system."


def _gold_faults(study: Study):
    gold = study.trials.gold
    if not gold:
        return
    if study.truth is None or study.reference != "same words" or study.form != "preference":
        yield (
            ("trials", "gold"),
            "needs a preference with a reference of the same words, and truth: the method equal to it.",
        )
    dry = sum(trial.fault == TOO_DRY for trial in gold)
    if 2 * dry != len(gold):  # otherwise gold would throw out listeners for their taste
        yield ("trials", "gold"), f"{dry} of {len(gold)} faults are too dry. Make half too dry and half too live."
    for i, trial in enumerate(gold):
        if trial.wrong == study.truth:
            yield ("trials", "gold", i, "wrong"), f"{trial.wrong} is the truth. Name a method with a fault."
