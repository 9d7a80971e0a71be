"""Looking at what travels: topics, forecasts, dead letters."""
