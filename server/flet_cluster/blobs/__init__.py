"""Uploaded files: what they may be called, who may write them, where they are kept (layer 2)."""
