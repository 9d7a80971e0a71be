"""What holds for every test: no timing decides, so no deadlines on examples."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("gridcast", deadline=None)
settings.load_profile("gridcast")
