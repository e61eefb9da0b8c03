"""What a running study or label project answers when it cannot do as asked."""

from __future__ import annotations

from mvsd.errors import UserError


class NotSavedError(UserError):
    """The answer did not reach the disk; sending it again does no harm."""


class StaleError(UserError):
    """A token of a trial that is no longer before this listener."""


class FullError(UserError):
    """No seat is free."""


class UnknownError(UserError):
    """A token that was never given, or whose session was withdrawn."""
