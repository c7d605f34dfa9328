"""What is measured: a module for each part of a run, with ``measure`` and ``section``, and what they share."""
