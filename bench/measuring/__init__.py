"""How it is measured: the problems, alternation and timing, the state of the machine, its limits, memory."""
