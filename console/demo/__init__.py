"""`gridcast demo` and `gridcast up`: the whole job, and what it tells at its end."""
