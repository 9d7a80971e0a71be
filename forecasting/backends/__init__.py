"""Who does the fitting: the batched solver for fleets, or pyGAM and statsmodels series by series.

All give the same artefacts (``GamModel``, ``ArModel``), so everything after the fit is one path.
"""

from __future__ import annotations

from forecasting.backends.protocol import MidTermFit, ResidualFit
from forecasting.gam_fitting import fit_gam
from forecasting.residuals import fit_ar

__all__ = ["MidTermFit", "ResidualFit", "mid_term_backend", "residual_backend"]


def mid_term_backend(name: str) -> MidTermFit:
    """Return the mid-term fit of a setting: ``batched`` or ``pygam``.

    Raises
    ------
    ValueError
        If there is no such backend.

    Examples
    --------
    >>> mid_term_backend("batched").__name__
    'fit_gam'
    """
    if name == "batched":
        return fit_gam
    if name == "pygam":
        # pyGAM takes a second to import; a fleet on the batched solver should not wait for it.
        from forecasting.backends.pygam_backend import fit_gam_by_pygam

        return fit_gam_by_pygam
    msg = f"no mid-term backend {name!r}; choose batched or pygam"
    raise ValueError(msg)


def residual_backend(name: str) -> ResidualFit:
    """Return the short-term fit of a setting: ``batched`` or ``statsmodels``.

    Raises
    ------
    ValueError
        If there is no such backend.
    """
    if name == "batched":
        return fit_ar
    if name == "statsmodels":
        from forecasting.backends.statsmodels_backend import fit_ar_by_statsmodels

        return fit_ar_by_statsmodels
    msg = f"no residual backend {name!r}; choose batched or statsmodels"
    raise ValueError(msg)
