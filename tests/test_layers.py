"""The rules of the house: who may import whom, what lies at the top, which numbers must agree."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mvsd"

LAYERS = (  # a file imports from its own layer and those before it
    {"errors", "out_folder"},
    {"clip", "conversion", "forms", "gpu", "examples", "audio", "acoustics", "checkpoint", "diffusion", "polack"},
    {
        "vision",
        "unet",
        "denoiser",
        "vocoder",
        "plain_vocoder",
        "bigvgan",
        "t60_estimator",
        "data",
        "metrics",
        "judges",
        "figures",
        "account",
    },
    {"converters", "places", "systems", "session", "showcase"},
    {"training", "evaluate", "few_steps", "resound", "bench", "study", "stimuli", "results_sync"},
    {"ui", "cli", "cli_options", "cli_measure", "cli_lab", "cli_label", "cli_statistics", "cli_study"},
    {"__main__", "app"},
)
MODELS = {"vision", "unet", "denoiser", "vocoder", "plain_vocoder", "bigvgan", "t60_estimator"}
BESIDE = {"data", "metrics", "judges", "figures", "account"}  # the models' layer, but strangers to them
ALL = set().union(*LAYERS)
NEVER = dict.fromkeys(BESIDE, MODELS) | dict.fromkeys(MODELS, BESIDE) | {"study": ALL - {"errors", "study"}}
HOMES = {
    "gradio": {"ui", "app"},
    "accelerate": {"training"},
    "typer": {"cli", "cli_options", "cli_measure", "cli_lab", "cli_label", "cli_statistics", "cli_study"},
    "huggingface_hub": {"checkpoint", "results_sync"},
}

SPACE_COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
TOP_LEVEL = {"app.py", "requirements.txt", "mvsd", "assets", "studies", "tests", "README.md", "LICENSE"}


def dotted_imports(file: Path, package: Path = PACKAGE) -> set[str]:
    """Every module that a file names in an import, in functions and under TYPE_CHECKING too, as absolute names."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = file.relative_to(package.parent).parts[: -node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def owner_of(file: Path, package: Path) -> str:
    return file.relative_to(package).parts[0].removesuffix(".py") if file.is_relative_to(package) else file.stem


def offences(file: Path, package: Path = PACKAGE) -> list[str]:
    owner = owner_of(file, package)
    found = []
    for name in sorted(dotted_imports(file, package)):
        top, inside = [*name.split("."), ""][:2]
        if top == package.name and (rank(inside) > rank(owner) or inside in NEVER.get(owner, ())):
            found.append(f"{file.name} ({owner}) imports {name}")
        if owner not in HOMES.get(top, {owner}):
            found.append(f"{file.name} ({owner}) imports {top}, which belongs to {sorted(HOMES[top])}")
    return found


def rank(name: str) -> int:
    """Number of a module's layer; what is none (__init__ and the names in it) is in the first."""
    return next((i for i, layer in enumerate(LAYERS) if name in layer), 0)


def source_files() -> list[Path]:
    return [*sorted(PACKAGE.rglob("*.py")), ROOT / "app.py"]


def test_no_file_imports_a_layer_above_it_or_a_library_that_lives_elsewhere():
    found = [offence for file in source_files() for offence in offences(file)]
    assert not found, "\n".join(found)


def test_every_module_has_its_layer():
    strangers = {owner_of(file, PACKAGE) for file in PACKAGE.rglob("*.py")} - ALL - {"__init__"}
    assert not strangers


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("mvsd/audio.py", "from mvsd.vision import load_image"),
        ("mvsd/errors.py", "import mvsd.clip"),
        ("mvsd/__init__.py", "from mvsd.converters import convert"),
        ("mvsd/data/rooms.py", "from mvsd import unet"),
        ("mvsd/data/rooms.py", "from ..vocoder import Vocoder"),
        ("mvsd/figures.py", "from .vision import SceneEncoder"),
        ("mvsd/vision.py", "def late():\n    from mvsd.data.rooms import Room"),
        ("mvsd/study/analysis.py", "from mvsd.clip import Clip"),
        ("mvsd/converters.py", "from mvsd.training.loop import train"),
        ("mvsd/evaluate.py", "from mvsd.cli import app"),
        ("mvsd/session.py", "import gradio as gr"),
        ("mvsd/evaluate.py", "from accelerate import Accelerator"),
        ("mvsd/ui/page.py", "import typer"),
        ("mvsd/vision.py", "from huggingface_hub import hf_hub_download"),
        ("app.py", "import typer"),
    ],
)
def test_the_rule_catches(tmp_path, path, line):
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(line)
    assert offences(file, tmp_path / "mvsd")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("mvsd/audio.py", "from mvsd.errors import UserError"),
        ("mvsd/ui/page.py", "import gradio\nfrom mvsd.session import Studio\nfrom mvsd.ui.theme import THEME"),
        ("mvsd/cli.py", "import typer\nfrom mvsd.training.loop import train\nfrom mvsd import __version__"),
        ("mvsd/training/loop.py", "import accelerate\nfrom mvsd.converters import Reverberator"),
        ("app.py", "import gradio\nfrom mvsd.ui.server import serve"),
    ],
)
def test_the_rule_lets_pass(tmp_path, path, line):
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(line)
    assert offences(file, tmp_path / "mvsd") == []


def test_top_level_holds_the_agreed_entries_and_no_more():
    visible = {entry.name for entry in ROOT.iterdir() if not entry.name.startswith((".", "__"))}
    assert visible <= TOP_LEVEL
    assert visible >= TOP_LEVEL - {"studies"}


def pins(name: str) -> dict[str, str]:
    """Package to exact version; a line that pins nothing fails."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith(("#", "-r ")))


def front_matter() -> dict:
    opening, matter, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert opening == ""
    return yaml.safe_load(matter)


def test_the_space_runs_the_gradio_that_is_pinned():
    assert front_matter()["sdk_version"] == pins("requirements.txt")["gradio"]


def test_the_front_matter_is_what_a_space_reads():
    matter = front_matter()
    assert matter["sdk"] == "gradio"
    assert (ROOT / matter["app_file"]).is_file()
    assert matter["python_version"] == "3.12"  # a string: the number 3.10 would be read as 3.1
    assert len(matter["short_description"]) <= 60  # the Hub refuses more
    assert {matter["colorFrom"], matter["colorTo"]} <= {
        "red",
        "yellow",
        "green",
        "blue",
        "indigo",
        "purple",
        "pink",
        "gray",
    }


@pytest.mark.parametrize("name", ["requirements.txt", "mvsd/requirements-lab.txt", "tests/requirements.txt"])
def test_every_requirement_is_pinned(name):
    assert all(version[0].isdigit() for version in pins(name).values())


def test_no_package_is_pinned_twice():
    files = ("requirements.txt", "mvsd/requirements-lab.txt", "tests/requirements.txt")
    names = [package for name in files for package in pins(name)]
    assert len(names) == len(set(names))


@pytest.mark.whole
@pytest.mark.parametrize("module", ["mvsd.cli", "mvsd.ui"])
def test_torch_is_not_loaded_before_it_is_needed(module):
    walk = f"""
import importlib, pkgutil, sys
module = importlib.import_module("{module}")
for part in pkgutil.iter_modules(getattr(module, "__path__", [])):
    importlib.import_module("{module}." + part.name)
sys.exit("torch was loaded" if "torch" in sys.modules else 0)
"""
    done = subprocess.run([sys.executable, "-c", walk], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
