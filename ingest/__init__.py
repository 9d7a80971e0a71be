"""How measurements enter: user files, gateways and the network twin of the demo."""
