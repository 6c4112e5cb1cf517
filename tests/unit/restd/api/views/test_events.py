from __future__ import annotations

from restd.api.views.events import event_view
from restd.events import Event


def test_container_events_have_the_old_fields_too() -> None:
    event = Event("container", "die", "c" * 64, {"image": "busybox", "name": "x", "exitCode": "0"}, 1_500_000_000)
    view = event_view(event)
    assert (view["status"], view["id"], view["from"]) == ("die", "c" * 64, "busybox")
    assert (view["time"], view["timeNano"], view["scope"]) == (1, 1_500_000_000, "local")
    assert view["Actor"]["Attributes"]["exitCode"] == "0"


def test_network_events_have_not() -> None:
    assert set(event_view(Event("network", "create", "n"))) == {"Type", "Action", "Actor", "scope", "time", "timeNano"}
