from restd.api.routes.images import LIST_FILTERS, PRUNE_FILTERS


def test_a_prune_knows_no_filter_that_a_list_does_not() -> None:
    assert PRUNE_FILTERS <= LIST_FILTERS
