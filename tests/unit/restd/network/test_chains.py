from restd.network.chains import CHAINS, HOOKS, Names


def test_the_main_instance_has_plain_names_and_others_their_tag() -> None:
    assert Names().of("IN") == "ISULA-IN"
    assert Names("a1b2c3").of("IN") == "ISULA-a1b2c3-IN"
    assert Names("a1b2c3").mark != Names().mark


def test_names_fit_into_the_kernels_limit() -> None:
    assert all(len(Names("a1b2c3").of(chain)) <= 28 for chains in CHAINS.values() for chain in chains)


def test_an_instance_knows_its_own_chains_from_those_of_others() -> None:
    main, other = Names(), Names("a1b2c3")
    for table, chains in CHAINS.items():
        for chain in chains:
            assert main.has(table, main.of(chain)) and not main.has(table, other.of(chain))
            assert other.has(table, other.of(chain)) and not other.has(table, main.of(chain))
    assert not main.has("nat", main.of("IN")) and not main.has("filter", "IN")


def test_every_way_in_leads_to_a_chain_of_its_table() -> None:
    assert all(hook.chain in CHAINS[hook.table] for hook in HOOKS)
    assert Names().hook(HOOKS[2]) == "-m addrtype --dst-type LOCAL -j ISULA-DNAT"
