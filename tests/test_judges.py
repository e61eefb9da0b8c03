import pytest
import torch
from tiny import speechlike

from mvsd.errors import UserError
from mvsd.judges import OFFLINE, chosen, pocketsphinx, resemblyzer
from mvsd.metrics.undefined import Undefined


def test_the_judges_inside_packages_are_the_usual_ones():
    assert chosen() == OFFLINE


@pytest.mark.parametrize(("text", "said"), [("MOSE=Nobody", "names no judge"), ("WER=whisper", "needs the package")])
def test_a_judge_that_is_not_there_is_said_so(text, said):
    with pytest.raises(UserError, match=said):
        chosen(text)


def test_a_recogniser_hears_no_words_in_silence():
    assert pocketsphinx(torch.zeros(8000)) == ""


@pytest.mark.whole
def test_a_voice_is_nearer_to_itself_than_to_noise():
    voice = torch.from_numpy(speechlike(1.6))
    other = torch.sin(torch.arange(25_600) * 0.2) * 0.1
    one, same, else_ = (resemblyzer(sound) for sound in (voice, 0.5 * voice, other))
    assert one @ same > 0.999 > 0.95 > one @ else_
    with pytest.raises(Undefined):
        resemblyzer(torch.zeros(16_000))
