"""One fit, or one prediction, in Python: initial weights, epochs, stopping and buffers; ``kernels`` computes."""
