"""What crosses a process: frozen records, codecs with limits, topics and the time base."""
