"""The command line: the facade word for word. Results go to stdout, talk to stderr; bad input ends in exit code 2."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from mvsd.cli_lab import lab_app
from mvsd.cli_label import label_app
from mvsd.cli_measure import measure_app
from mvsd.cli_options import T60, Bar, Distance, Out, Sampler, Seed, Speech, Steps, System, Weights, loading, say
from mvsd.cli_study import study_app
from mvsd.conversion import Settings
from mvsd.errors import UserError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Speech into the room of a photograph, and out of it."
)
data_app = typer.Typer(no_args_is_help=True, help="Training data.")
app.add_typer(data_app, name="data")
app.add_typer(study_app, name="study")
app.add_typer(label_app, name="label")
app.add_typer(lab_app)
app.add_typer(measure_app)


def _convert(system: str, task: str, files: tuple[Path, Path | None, Path], settings, weights: str | None) -> None:
    """files: speech, picture, where to."""
    loading(f"{system} for {task}")
    from mvsd import converters, systems

    speech, image, out = files
    converter = systems.load(system, task, weights or converters.WEIGHTS)
    made = converters.convert_file(converter, speech, image, out, settings, Bar("step"))
    read = f", read in the picture: T60 {made.read.t60_s:.2f} s" if made.read else ""
    lowered = f", lowered by {-made.gain_db:.1f} dB so as not to clip" if made.gain_db < -0.05 else ""
    checkpoint = made.checkpoint_sha256[:12] or "no weights"
    print(
        f"{out}: {len(made.audio) / made.sample_rate:.2f} s by {made.system} ({checkpoint}), "
        f"{made.sampling}, seed {settings.seed}, {made.seconds:.2f} s of work on "
        f"{made.device}, real-time factor {made.real_time_factor:.3f}{read}{lowered}"
    )


@app.command()
def match(
    image: Annotated[Path | None, typer.Option(help="Photograph or 360-degree panorama of the room.")] = None,
    speech: Speech = ...,
    out: Out = ...,
    distance: Distance = None,
    t60: T60 = None,
    steps: Steps = Settings.steps,
    sampler: Sampler = Settings.sampler,
    seed: Seed = Settings.seed,
    weights: Weights = None,
    system: System = "mvsd",
) -> None:
    """Speech as if spoken in the room of a photograph (visual acoustic matching)."""
    _convert(system, "match", (speech, image, out), Settings(steps, sampler, seed, distance, t60), weights)


@app.command()
def dereverb(
    speech: Speech,
    out: Out,
    image: Annotated[Path | None, typer.Option(help="Photograph of the room, if there is one.")] = None,
    distance: Distance = None,
    t60: T60 = None,
    steps: Steps = Settings.steps,
    sampler: Sampler = Settings.sampler,
    seed: Seed = Settings.seed,
    weights: Weights = None,
    system: System = "mvsd",
) -> None:
    """Speech with the room taken out (dereverberation)."""
    _convert(system, "dereverb", (speech, image, out), Settings(steps, sampler, seed, distance, t60), weights)


@app.command()
def t60(
    clip: Annotated[Path, typer.Argument(help="Recording of speech in a room, 0.3 to 60 s.")],
    weights: Weights = None,
) -> None:
    """T60 as heard in a recording, without knowing the room (blind)."""
    loading("the T60 estimator")
    from mvsd.audio import load
    from mvsd.checkpoint import find_weights
    from mvsd.converters import WEIGHTS
    from mvsd.t60_estimator import T60Estimator

    estimator = T60Estimator.from_pretrained(find_weights(weights or WEIGHTS, "t60.safetensors"))
    print(f"T60 heard in {clip.name}: {estimator.estimate(load(clip)):.2f} s")


@app.command()
def rooms(
    count: Annotated[int, typer.Option(help="Rooms.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; what is there already is kept.")],
    seed: Annotated[int, typer.Option(help="Decides every room.")] = 0,
    speech: Annotated[Path | None, typer.Option(help="Folder of dry speech: writes clean/ and reverb/ too.")] = None,
    views: Annotated[int, typer.Option(help="Views of each room, each with its own response and clip.")] = 3,
    speakers: Annotated[str, typer.Option(help="all, train or held-out.")] = "all",
    split: Annotated[str, typer.Option(help="What evaluate calls the set: seen, say, for the rooms of training.")] = "",
    picture_px: Annotated[int, typer.Option(min=0, help="Width of the pictures; 0: none, 160 will train.")] = 224,
    twins: Annotated[
        float,
        typer.Option(
            min=0, max=0.5, help="Share of rooms that repeat the one before in other materials or another geometry."
        ),
    ] = 0.0,
    usual: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of rooms that are as their kind mostly is. Default: 0.95.")
    ] = None,
) -> None:
    """Simulate furnished rooms: pictures, responses, and what is true of them."""
    from mvsd.data.rooms import simulate

    told = {"picture_px": picture_px, "split": split, "twins": twins}
    told |= {} if usual is None else {"usual": usual}
    print(simulate(count, seed, out, speech, views, speakers, Bar("room"), **told))


@data_app.command()
def pack(
    rooms: Annotated[list[Path], typer.Option(help="Folder written by `rooms`; may be given again.")],
    speech: Annotated[Path, typer.Option(help="Folder of dry speech.")],
    out: Annotated[Path, typer.Option(help="Folder of the pack.")],
    rirs: Annotated[Path | None, typer.Option(help="CSV of measured responses: columns path, room.")] = None,
    photos: Annotated[
        Path | None, typer.Option(help="CSV of photographs of real places: columns path, place, category.")
    ] = None,
    mib: Annotated[float | None, typer.Option(help="Budget; an even sample of all is taken.")] = None,
) -> None:
    """Gather rooms and speech into few files to train from."""
    from mvsd.data.pack import write_pack

    made = write_pack(list(rooms), speech, out, rirs, mib, Bar("file"), photos)
    print(", ".join(f"{name} {value:.4g}" for name, value in made.items()))


@data_app.command()
def unpaired(
    folder: Annotated[Path, typer.Argument(help="Acoustic AVSpeech, or a folder that `rooms --speech` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the pack.")],
    spoilt: Annotated[bool, typer.Option(help="Add noise, colour and codec: for simulated ones.")] = False,
    seed: Seed = Settings.seed,
) -> None:
    """Gather recordings with pictures and without a dry side, for `train --unpaired`."""
    from mvsd.data.unpaired import write_unpaired

    made = write_unpaired(folder, out, spoilt, seed, Bar("recording"))
    print(", ".join(f"{name} {value:.4g}" for name, value in made.items()))


@data_app.command("check")
def check_data(
    folder: Annotated[Path, typer.Argument(help="SoundSpaces-Speech, Acoustic AVSpeech, LibriSpeech or plain folder.")],
    quick: Annotated[bool, typer.Option(help="Go by the names of the files; open none.")] = False,
) -> None:
    """Say what a data set holds, what it lacks and what would be skipped."""
    from mvsd.data.check import check_folder, describe

    print(describe(check_folder(folder, not quick, Bar("clip"))))


@app.command()
def train(
    recipe: Annotated[str, typer.Argument(help="Recipe, a stage of it as recipe:stage.")],
    data: Annotated[Path, typer.Option(help="Folder of the pack.")],
    out: Annotated[Path, typer.Option(help="Run folder; a run that is there goes on.")],
    minutes: Annotated[float | None, typer.Option(help="The run's whole clock; the recipe's if not given.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of each stage instead of minutes.")] = None,
    stop_after: Annotated[float | None, typer.Option(help="Leave with a checkpoint after so many minutes.")] = None,
    init: Annotated[Path | None, typer.Option(help="Folder of weights to begin from.")] = None,
    pretrained: Annotated[
        bool, typer.Option(help="Begin the scene encoder from ImageNet weights (downloads).")
    ] = False,
    seed: Seed = Settings.seed,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate; the recipe's if not given.")] = None,
    parts: Annotated[
        int | None,
        typer.Option(min=1, help="Cut each batch in so many; processes share them. One a process if not given."),
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the converters' networks (torch.compile); it takes minutes.")
    ] = False,
    photo_fold: Annotated[
        int | None,
        typer.Option(min=0, max=1, help="Teach the encoder by photographs of this half of the places alone."),
    ] = None,
    unpaired: Annotated[Path | None, typer.Option(help="Pack of `data unpaired`, for stage mutual.")] = None,
    unpaired_share: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the cycles of stage mutual; the recipe's if not given.")
    ] = None,
    student_steps: Annotated[
        int | None, typer.Option(min=1, help="Of stages distil-match and distil-dereverb; the usual ones if not given.")
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option(min=64, max=512, help="Side of the scene encoder's pictures, px; the recipe's if not given."),
    ] = None,
) -> None:
    """Train a recipe; what comes out lies in OUT/weights. Several GPUs: accelerate launch -m mvsd train ..."""
    from mvsd.training.recipes import Wishes, run_recipe

    wishes = Wishes(
        minutes,
        steps,
        stop_after,
        init,
        pretrained,
        seed,
        lr,
        parts,
        compiled,
        photo_fold,
        unpaired,
        unpaired_share,
        student_steps,
        image_size,
    )
    finished = run_recipe(recipe, data, out, wishes, Bar("training step"))
    print(out / "weights" if finished else f"{out}: stopped with a checkpoint; the same command goes on")


@app.command()
def places(
    photos: Annotated[Path, typer.Option(help="CSV of photographs of real places: columns path, place, category.")],
    weights: Weights = None,
    fold: Annotated[
        int | None, typer.Option(min=0, max=1, help="Score only places of this half; all if not given.")
    ] = None,
) -> None:
    """Measure whether real live places are read as more reverberant than dry ones and the open air."""
    from mvsd.converters import WEIGHTS
    from mvsd.places import compare, table

    print(table(compare(photos, weights or WEIGHTS, fold)))


@app.command()
def examples(
    folder: Annotated[Path, typer.Option(help="Folder with an examples.json.")] = Path("assets/examples"),
    weights: Weights = None,
) -> None:
    """Convert the app's examples anew, after the weights have changed."""
    from mvsd import converters
    from mvsd.showcase import refresh_examples

    kinds = {"match": converters.Reverberator, "dereverb": converters.Dereverberator}
    loaded = {task: kind.from_pretrained(weights or converters.WEIGHTS) for task, kind in kinds.items()}
    print(f"{refresh_examples(folder, loaded.__getitem__, Bar('example'))} examples in {folder}")


def main() -> None:
    """Run, and turn what a person can mend into one line and exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        app()
    except UserError as error:
        say(f"mvsd: {error}")
        sys.exit(2)
    except ModuleNotFoundError as error:
        say(f"mvsd: {error.name} is not installed. Install it with: pip install -r mvsd/requirements-lab.txt")
        sys.exit(2)
    except KeyboardInterrupt:
        say("mvsd: stopped")
        sys.exit(130)
