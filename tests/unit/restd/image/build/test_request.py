from restd.image.build.request import StepFailed


def test_a_step_that_fails_says_its_code_as_docker_does() -> None:
    error = StepFailed("/bin/sh -c false", 1)
    assert str(error) == "The command '/bin/sh -c false' returned a non-zero code: 1"
    assert error.code == 1
