from restd.model.container import Config, Container, HostConfig, LogConfig, State, Status


def container(log: str) -> Container:
    return Container(
        id="a" * 64,
        name="x",
        created=1,
        image="sha256:" + "b" * 64,
        path="sh",
        args=(),
        config=Config(),
        host_config=HostConfig(log_config=LogConfig(log)),
        runtime="runc",
        directory="/data/engines/runc/a",
        run_directory="/run/x/runc/a",
    )


def test_only_the_json_file_driver_has_a_log_path() -> None:
    assert container("json-file").log_path == "/data/engines/runc/a/console.log"
    assert container("none").log_path == ""


def test_paused_and_restarting_count_as_running_as_in_docker() -> None:
    running = {status for status in Status if State(status=status).running}
    assert running == {Status.RUNNING, Status.PAUSED, Status.RESTARTING}
