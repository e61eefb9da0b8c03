"""MVSD Studio: photographs of rooms and speech, turned into each other's acoustics by diffusion converters."""

__version__ = "0.1.0"
