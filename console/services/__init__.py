"""The services of a run as processes: brought up in order, watched, taken down."""
