"""One node: the sessions it holds, and how they come and go (layer 3)."""
