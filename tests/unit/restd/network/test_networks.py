from restd.network.networks import Created


def test_most_networks_are_made_without_a_warning() -> None:
    assert Created("a" * 64).warning == ""
