import pytest
from hypothesis import given
from hypothesis import strategies as st

from restd.container.merge import command, environment, merged
from restd.model.container import Config, Strings
from restd.model.health import Healthcheck
from restd.model.image import ImageConfig

IMAGE = ImageConfig(entrypoint=("/entry",), cmd=("image", "cmd"))


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "result"),
    [
        (None, None, (("/entry",), ("image", "cmd"))),
        (None, (), (("/entry",), ("image", "cmd"))),
        (None, ("mine",), (("/entry",), ("mine",))),
        (("/own",), None, (("/own",), None)),
        (("/own",), ("mine",), (("/own",), ("mine",))),
        ((), ("mine",), ((), ("mine",))),
        (("",), ("mine",), (None, ("mine",))),
    ],
)
def test_entrypoint_and_cmd_follow_dockers_rules(
    entrypoint: Strings | None, cmd: Strings | None, result: tuple[Strings | None, Strings | None]
) -> None:
    assert command(Config(entrypoint=entrypoint, cmd=cmd), IMAGE) == result


def test_a_given_variable_hides_the_images_even_without_a_value() -> None:
    assert environment(("A=1", "B"), ("A=0", "B=0", "C=0")) == ("A=1", "B", "C=0")


def test_unions_prefer_the_users_values() -> None:
    image = ImageConfig(labels={"a": "image", "b": "image"}, exposed_ports=("80/tcp",), volumes=("/data",))
    result = merged(Config(labels={"a": "user"}, exposed_ports={"81/tcp": {}}), image)
    assert result.labels == {"a": "user", "b": "image"}
    assert result.exposed_ports == {"80/tcp": {}, "81/tcp": {}}
    assert result.volumes == {"/data": {}}


def test_nothing_from_either_side_stays_absent() -> None:
    result = merged(Config(), ImageConfig())
    assert result.volumes is None and result.exposed_ports is None and result.cmd is None


def test_single_values_fall_back_to_the_image() -> None:
    image = ImageConfig(user="web", working_dir="/srv", stop_signal="SIGINT")
    assert merged(Config(user="me"), image).user == "me"
    result = merged(Config(), image)
    assert (result.user, result.working_dir, result.stop_signal) == ("web", "/srv", "SIGINT")


def test_a_health_check_is_completed_from_the_image() -> None:
    image = ImageConfig(healthcheck={"Test": ["CMD", "true"], "Interval": 5_000_000_000, "Retries": 2})
    check = merged(Config(healthcheck=Healthcheck(retries=9)), image).healthcheck
    assert check is not None
    assert (check.test, check.interval, check.retries) == (("CMD", "true"), 5_000_000_000, 9)


@given(
    st.lists(st.from_regex(r"[A-C](=[01])?", fullmatch=True)), st.lists(st.from_regex(r"[A-C]=[01]", fullmatch=True))
)
def test_the_users_environment_is_kept_whole_and_names_win(own: list[str], image: list[str]) -> None:
    result = environment(tuple(own), tuple(image))
    assert list(result[: len(own)]) == own
    names = {entry.partition("=")[0] for entry in own}
    assert all(entry.partition("=")[0] not in names for entry in result[len(own) :])
