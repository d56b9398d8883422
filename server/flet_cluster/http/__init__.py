"""What is asked for beside the socket: the web client, uploads, answers of sign-ins, health (layer 4)."""
