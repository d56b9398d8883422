"""Session stores (layer 2): the contract in ``base``, one module per implementation."""
