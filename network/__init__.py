"""Numerics of the grid: model, readers, power flow, estimation, limits, N-1. Pure."""
