import logging

import pytest

from restd.master_log import MasterLog


def test_gunicorns_news_are_debug_and_its_errors_are_errors(caplog: pytest.LogCaptureFixture) -> None:
    log = MasterLog(None)
    with caplog.at_level(logging.DEBUG):
        log.info("Booting worker with pid: %s", 7)
        log.error("Worker (pid:%s) exited", 7)
        log.log("warning", "late")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", "Booting worker with pid: 7"),
        ("ERROR", "Worker (pid:7) exited"),
        ("WARNING", "late"),
    ]


def test_it_has_all_that_gunicorn_calls() -> None:
    from gunicorn.glogging import Logger

    calls = {name for name in vars(Logger) if not name.startswith("_")} - {
        "access_fmt", "access_log_enabled", "atoms", "atoms_wrapper_class", "critical", "datefmt", "error_fmt",
        "loglevel", "now", "syslog_fmt", "LOG_LEVELS",
    }  # fmt: skip
    assert calls <= set(dir(MasterLog)), calls - set(dir(MasterLog))
