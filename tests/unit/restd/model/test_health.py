from restd.model.docker_json import from_docker, to_docker
from restd.model.health import Health, Healthcheck, HealthStatus, ProbeResult


def test_health_survives_the_way_to_json_and_back() -> None:
    health = Health(HealthStatus.UNHEALTHY, 4, (ProbeResult(1, 2, -1, "out"),))
    assert to_docker(health) == {
        "Status": "unhealthy",
        "FailingStreak": 4,
        "Log": [{"Start": 1, "End": 2, "ExitCode": -1, "Output": "out"}],
    }
    assert from_docker(Health, to_docker(health)) == health


def test_of_a_check_only_what_was_given_shows() -> None:
    assert to_docker(Healthcheck(("NONE",), retries=3)) == {"Test": ["NONE"], "Retries": 3}
    assert to_docker(Healthcheck(())) == {}
