"""How near a result is to the truth: one function a measure, each with its source.

No model is imported here: a judge (of quality, words, speakers or T60) is an argument. (samples,) tensors at 16 kHz
throughout; two sounds of unequal length are cut to the shorter.
"""
