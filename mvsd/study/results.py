"""results.csv and its companions, made anew from the journals whenever they are asked for."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

from mvsd.study import journal
from mvsd.study.columns import COLUMNS, DICTIONARY, KEY, Column
from mvsd.study.journal import Row
from mvsd.study.screening import reason_to_exclude
from mvsd.study.session import BEGUN, FINISHED, QUESTIONNAIRE, withdrawn_ids
from mvsd.study.spec import Study
from mvsd.study.table_files import dictionary_json, first_of_each, guarded, replace_file, to_csv

JUDGEMENTS, SESSIONS, EVENTS = "judgements", "sessions", "events"  # the journals
PARTICIPANTS: dict[str, Column] = {
    "session_id": Column("id", "The same as in results.csv."),
    "participant_id": Column("text", "As given by the address of the invitation."),
    "code": Column("id", "Completion code; who has it may withdraw the session."),
    "seat": Column("integer", "Row of the table of sides."),
    "begun_utc": Column("time", "Consent given."),
    "finished_utc": Column("time", "Last trial answered; empty if it was not."),
    "language": Column("id", "Language of the page."),
    "browser": Column("text", "Family and version."),
    "device": Column("enum", "phone, tablet or desktop."),
    "consent_version": Column("id", "Version of the text agreed to."),
    "answers": Column("integer", "Judgements, of all kinds."),
    "excluded": Column("flag", "1: fails a registered rule."),
    "exclude_reason": Column("id", "Which."),
}


def judgements(study: Study, results: Path) -> list[Row]:
    """Every answer once, with the exclusions of its session; withdrawn sessions are left out."""
    gone = withdrawn_ids(journal.read(results, SESSIONS).rows)
    rows = sorted(journal.read(results, JUDGEMENTS).rows, key=lambda row: row["t_answer_utc"])
    rows = [row for row in first_of_each(rows, KEY) if row["session_id"] not in gone]
    reasons = _reasons(study, rows)
    return [row | _excluded(reasons[row["session_id"]]) for row in rows]


def participants(study: Study, results: Path) -> tuple[list[Row], dict[str, Column]]:
    """One row a session, the questionnaire's answers last. Returns the rows and their columns."""
    asked = {f"q_{q.id}": Column("text", next(iter(q.ask.values()))) for q in study.questionnaire}
    events = journal.read(results, SESSIONS).rows
    gone, answers = withdrawn_ids(events), judgements(study, results)
    reasons = _reasons(study, answers)
    table: dict[str, Row] = {}
    for row in events:
        id, data = row["session_id"], json.loads(row["data"])
        if id in gone:
            continue
        if row["event"] == BEGUN:
            data["participant_id"] = data["participant"]
            table[id] = {"session_id": id, "begun_utc": row["t_utc"], **_excluded(reasons[id])}
            table[id] |= {"answers": str(sum(answer["session_id"] == id for answer in answers))}
            table[id] |= {name: str(value) for name, value in data.items() if name in PARTICIPANTS}
        elif row["event"] == QUESTIONNAIRE:
            table[id] |= {f"q_{name}": value for name, value in data.items()}
        elif row["event"] == FINISHED:
            table[id].setdefault("finished_utc", row["t_utc"])
    return list(table.values()), PARTICIPANTS | asked


def write_results(study: Study, results: Path) -> Path:
    """results.csv, participants.csv and their dictionaries, as they were typed. Returns the first."""
    people, columns = participants(study, results)
    replace_file(results / "results.csv", to_csv(judgements(study, results), COLUMNS))
    replace_file(results / "results.json", dictionary_json())
    replace_file(results / "participants.csv", to_csv(people, columns))
    replace_file(results / "participants.json", dictionary_json(columns))
    return results / "results.csv"


def download(study: Study, results: Path, table: str) -> str:
    """results or participants as CSV that a spreadsheet may open: free text cannot act as a formula."""
    if table == "results":
        return to_csv(guarded(judgements(study, results), DICTIONARY), COLUMNS)
    rows, columns = participants(study, results)
    return to_csv(guarded(rows, columns), columns)


def _reasons(study: Study, rows: list[Row]) -> dict[str, str]:
    of_session = defaultdict(list)
    for row in rows:
        of_session[row["session_id"]].append(row)
    return defaultdict(str, {id: reason_to_exclude(study, answers) for id, answers in of_session.items()})


def _excluded(reason: str) -> Row:
    return {"excluded": str(int(bool(reason))), "exclude_reason": reason}
