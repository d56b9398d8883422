"""Load tests for any Flet app: ``locust -f loadtest --host http://…``. See README.md here.

Locust loads every ``*.py`` of this folder but those that begin with an underscore: the former hold users, the
latter what these are made of, and the shapes.
"""
