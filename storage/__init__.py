"""Where things are kept: the embedded log, the Redis read model, the historian, checkpoints."""
