"""`gridcast doctor` and `gridcast health`: is all well, and what to do if not."""
