"""CNI, the runtime's side: network configurations, plugin calls and their results, after the specification 1.0.0.

https://github.com/containernetworking/cni/blob/spec-v1.0.0/SPEC.md
"""
