"""Boosted trees, an extra expert for the short term."""
