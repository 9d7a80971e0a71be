"""Where a forecast run comes from: raw records, features, training, programs."""

from __future__ import annotations

import msgspec

__all__ = ["RawRange", "RunLineage", "TrainingLineage"]


class RawRange(msgspec.Struct, frozen=True):
    """Raw records of one partition that were taken in, the last one included.

    Parameters
    ----------
    topic
        Full name of the raw topic.
    partition
        Its number.
    first, last
        Offsets. What followed from no raw record (the past a run was given) has none.
    """

    topic: str
    partition: int
    first: int
    last: int


class TrainingLineage(msgspec.Struct, frozen=True):
    """What the models of a run learnt from.

    Parameters
    ----------
    version
        Of the models: digest of their coefficients.
    since, until
        The past they learnt from, ``[since, until)``, RFC 3339.
    given_until
        What precedes it was given as step means, before the first record.
    code
        The programs that trained.
    inputs
        Raw records known by then.
    """

    version: str
    since: str
    until: str
    given_until: str
    code: str
    inputs: list[RawRange]


class RunLineage(msgspec.Struct, frozen=True):
    """Where the numbers of a run come from.

    Parameters
    ----------
    code
        The programs that issued it: version, and commit where it is known.
    features
        Terms of the models, and lags of their residuals in steps.
    memory
        How far the latest inputs reach back from the issue, ISO 8601. (Widths of the quantiles
        forget more slowly.)
    estimated
        Series that come from estimated network states, not from windows.
    training
        What the models learnt from.
    inputs
        Raw records known at the issue.
    """

    code: str
    features: list[str]
    memory: str
    estimated: list[str]
    training: TrainingLineage
    inputs: list[RawRange]
