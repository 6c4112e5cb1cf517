"""Networks: what there are, their drivers through CNI plugins, the host's rules, names and published ports."""
