"""Lineage: what a forecast came from, and what came of a point's readings."""
