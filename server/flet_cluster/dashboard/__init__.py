"""The dashboard: a Flet app that shows the cluster it is served by (layer 4).

``page`` is the app, ``guard`` lets only those in who know the password. Nothing of it is imported unless
``FLET_CLUSTER_DASHBOARD_PASSWORD`` is set.
"""
