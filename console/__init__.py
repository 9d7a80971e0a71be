"""What people touch: the command line, its services and the checks behind them."""
