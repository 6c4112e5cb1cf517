from hypothesis import given
from hypothesis import strategies as st

from restd.model.container import (
    BindOptions,
    Config,
    Endpoint,
    HostConfig,
    IPAMConfig,
    Mount,
    PortBinding,
    State,
    Status,
)
from restd.model.docker_json import from_docker, to_docker

texts = st.text(max_size=8)
hosts = st.builds(
    HostConfig,
    binds=st.none() | st.lists(texts, max_size=3).map(tuple),
    port_bindings=st.dictionaries(texts, st.lists(st.builds(PortBinding, texts, texts), max_size=2).map(tuple)),
    mounts=st.none()
    | st.lists(st.builds(Mount, texts, texts, texts, st.booleans()), min_size=1, max_size=2).map(tuple),
    init=st.none() | st.booleans(),
    pids_limit=st.none() | st.integers(),
)


@given(hosts)
def test_a_host_config_survives_the_way_to_json_and_back(host: HostConfig) -> None:
    assert from_docker(HostConfig, to_docker(host)) == host


def test_names_are_dockers() -> None:
    shown = to_docker(Endpoint(ipam_config=IPAMConfig(ipv4_address="10.0.0.2")))
    assert shown["IPAMConfig"] == {"IPv4Address": "10.0.0.2"}
    assert {"NetworkID", "MacAddress", "GwPriority"} <= set(shown)
    assert "ContainerIDFile" in to_docker(HostConfig())
    assert to_docker(Mount("bind", "/a", "/b", bind_options=BindOptions("rshared")))["BindOptions"] == {
        "Propagation": "rshared"
    }


def test_optional_fields_appear_only_when_given_and_false_counts_as_given() -> None:
    assert "Init" not in to_docker(HostConfig())
    assert to_docker(HostConfig(init=False))["Init"] is False
    assert "StopTimeout" not in to_docker(Config())
    assert to_docker(Config(stop_timeout=0))["StopTimeout"] == 0
    assert "Tmpfs" not in to_docker(HostConfig(tmpfs={}))


def test_null_and_unknown_keys_mean_the_default() -> None:
    assert from_docker(Config, {"Env": None, "NoSuchThing": 1}) == Config()


def test_states_are_read_as_their_enum() -> None:
    state = from_docker(State, to_docker(State(status=Status.PAUSED)))
    assert state.status is Status.PAUSED
    assert state.running
