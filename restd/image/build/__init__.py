"""Images from Dockerfiles: what the classic builder of Docker does, and heredocs.

https://docs.docker.com/reference/dockerfile/
"""
