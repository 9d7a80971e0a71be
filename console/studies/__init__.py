"""Commands from files to files: estimates, outages, ruptures, backtests."""
