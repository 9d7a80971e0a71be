"""Case formats to networks, from text, bytes or objects: no file is opened."""
