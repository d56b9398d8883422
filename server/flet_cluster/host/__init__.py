"""Flet's side of a session: the program, its objects, where handlers run, what travels (layer 3)."""
