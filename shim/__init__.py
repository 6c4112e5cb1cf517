"""The process beside each container: owns its stdio, log, attach streams and exit code.

Only the standard library and prctl may be imported here; the daemon imports `shim.protocol` alone.
"""
