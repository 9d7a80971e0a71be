"""Numerics of the future: models, hierarchies, monitors and scores. Pure: arrays in, arrays out.

Times are int64 nanoseconds since 1970 in UTC, the start of each interval; loads are MW; arrays run
(times, series) inside the models and (series, steps) in an issue. Start at ``training.train`` and
``issue.issue``.
"""
