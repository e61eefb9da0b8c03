import json

import soundfile
from conftest import EchoConverter

from mvsd.examples import read_examples
from mvsd.showcase import refresh_examples


def test_refreshed_examples_hold_what_the_converter_makes(examples):
    listed = json.loads((examples / "examples.json").read_text())[:1]
    (examples / "examples.json").write_text(json.dumps(listed))
    assert refresh_examples(examples, lambda task: EchoConverter()) == 1
    first = read_examples(examples)[0]
    assert first.numbers["seed"] == 3
    assert first.numbers["system"] == "echo"
    assert soundfile.info(first.result).frames == soundfile.info(first.speech).frames + 16_000
