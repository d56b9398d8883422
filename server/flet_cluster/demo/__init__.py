"""``flet-cluster demo``: a whole cluster on one machine, to watch and to break (layer 5).

Valkey, an S3 server, a load balancer and some nodes are started from wheels, on loopback and free ports, with
their files in a temporary folder. A view in the terminal shows nodes and sessions; keys kill, drain and add
nodes.
"""
