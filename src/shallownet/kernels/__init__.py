"""The mathematics of the network, compiled."""
