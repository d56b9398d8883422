"""Websockets: the thin shell around link and seat (layer 3)."""
