"""How functions are compiled, linked and cached, and the threads that run them."""
