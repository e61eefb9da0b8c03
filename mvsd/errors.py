"""The one error a person can mend."""


class UserError(Exception):
    """Bad input, told in one sentence: what came, what was wanted, what to do."""
