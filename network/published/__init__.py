"""Data that was published about test networks and that their case files leave out."""
