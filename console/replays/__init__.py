"""`gridcast replay`: a dataset, or what a run recorded, through the same stages again."""
