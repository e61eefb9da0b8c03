"""Numbers that were published, to be read beside ours and never in one column with them."""

from __future__ import annotations

HEAD = """## Published numbers

Ma, Wang, Yang and Zheng, ECCV 2024 (arXiv 2407.10373). Other data, other judges (a learned T60 estimator, MOSNet,
SpeechBrain), other training: no number here compares with one above. Known slips of the print: the arrow at the
real-time factor of Table 4c points the wrong way, and row VSD of Table 4a (WER 4.39, PESQ 2.41) is not row Diffusion of
Table 4b, though their columns of acoustic matching agree. Cells marked * were read in a public summary of the paper,
which agrees with the paper in all 25 numbers that could be compared; "not known here" means that nobody here has read
them."""
UNKNOWN = "not known here"
TABLES = {
    "Table 1, SoundSpaces-Speech (seen, unseen)": (
        ("system", "STFT", "RTE, s", "MOSE", "STFT", "RTE, s", "MOSE"),
        ("Input audio", "1.192", ".331", ".617", "1.206", ".356", ".611"),
        ("Image2Reverb", "2.538", ".293", ".508", "2.318", ".317", ".518"),
        ("AV U-Net", ".638", ".095", ".353", ".658", ".118", ".367"),
        ("AViTAR", ".665", ".034", ".161", ".822", ".062", ".195"),
        ("MVSD without picture", ".691*", ".188", ".156*", UNKNOWN, ".155", UNKNOWN),
        ("MVSD without unpaired", ".573*", ".033*", ".148*", ".736*", ".055*", UNKNOWN),
        ("MVSD", ".508", ".030", ".142", ".637", ".051", ".178"),
    ),
    "Table 1, Acoustic AVSpeech": (("system", "RTE, s", "MOSE"), ("all rows", UNKNOWN, UNKNOWN)),
    "Table 2, dereverberation": (
        ("system", "PESQ", "WER, %", "EER, %"),
        ("Anechoic (ceiling)", "4.64", "2.50", "1.89"),
        ("Reverberant", "1.54", "8.86", "5.23"),
        ("MetricGAN+", "2.33*", "7.49*", "5.16*"),
        ("VIDA", "2.37", "4.44", "4.58"),
        ("MVSD", "2.53", "4.27", "4.46"),
    ),
    "Table 4a, ways of training": (
        ("training", "STFT", "WER, %", "PESQ"),
        ("VSD", ".657", "4.39", "2.41"),
        ("its other rows", UNKNOWN, UNKNOWN, UNKNOWN),
    ),
    "Table 4b, with and without diffusion": (
        ("network", "STFT", "WER, %", "PESQ"),
        ("U-Net", ".753", "6.74", "2.19"),
        ("Diffusion", ".657", "4.27", "2.53"),
    ),
    "Table 4c, steps T as trained": (
        ("steps", "STFT", "real-time factor"),
        ("150", "1.452", ".253"),
        ("250", ".508", ".426"),
        ("350", ".493", ".619"),
        ("500", ".492", ".898"),
        ("1000", ".487", "1.809"),
    ),
    "Table 4d, shares of unpaired recordings": (
        ("share", "all columns"),
        ("all rows; Table 1 has none against 17.3 %", UNKNOWN),
    ),
}


def published() -> str:
    """The block in Markdown."""
    return "\n\n".join([HEAD, *(f"**{title}**\n\n{markdown(rows)}" for title, rows in TABLES.items())])


def markdown(rows: tuple[tuple[str, ...], ...]) -> str:
    """A table whose first row is its head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *body))
