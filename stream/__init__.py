"""The steps from records to a validated, aggregated, estimated, forecast picture."""
