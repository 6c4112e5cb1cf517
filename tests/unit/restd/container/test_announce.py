from restd.container.announce import Announcer
from restd.events import Events
from restd.model.container import Config
from tests.unit.restd.container.sample import ID, container


def test_an_event_carries_labels_image_name_and_what_the_verb_adds() -> None:
    events = Events()
    Announcer(events)(container(config=Config(image="busybox", labels={"a": "b"})), "die", exitCode="3")
    with events.subscribe(0) as subscription:
        event = subscription._queue[0]
    assert (event.kind, event.action, event.actor) == ("container", "die", ID)
    assert event.attributes == {"a": "b", "image": "busybox", "name": "box", "exitCode": "3"}
