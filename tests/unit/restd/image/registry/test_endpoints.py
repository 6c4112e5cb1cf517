from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from restd.errors import SystemFailure
from restd.image.registry.endpoints import HUB, Endpoint, endpoints_of, is_insecure, proxy_of, tls_context
from restd.image.registry.settings import RegistrySettings


def test_a_registry_is_asked_over_tls_alone() -> None:
    assert endpoints_of("reg.example:5000", RegistrySettings()) == [Endpoint("https://reg.example:5000")]


def test_an_insecure_one_also_in_the_clear() -> None:
    found = endpoints_of("reg.example:5000", RegistrySettings(insecure=("reg.example:5000",)))
    assert [one.url for one in found] == ["https://reg.example:5000", "http://reg.example:5000"]
    assert not any(one.verify for one in found)


def test_mirrors_of_the_hub_come_first() -> None:
    found = endpoints_of("docker.io", RegistrySettings(mirrors=("https://one.example/", "http://127.0.0.1:5000")))
    assert found == [
        Endpoint("https://one.example", official=False),
        Endpoint("http://127.0.0.1:5000", verify=False, official=False),
        Endpoint(HUB),
    ]
    assert len(endpoints_of("other.example", RegistrySettings(mirrors=("https://one.example",)))) == 1


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost:5000", True),
        ("127.9.9.9", True),
        ("[::1]:5000", True),
        ("10.1.2.3:5000", True),
        ("10.2.2.3:5000", False),
        ("named.example", True),
        ("named.example:99", True),
        ("other.example", False),
    ],
)
def test_insecure_by_name_network_or_loopback(host: str, expected: bool) -> None:
    assert is_insecure(host, ("10.1.0.0/16", "named.example")) is expected


def test_a_folder_of_certificates_is_read(tmp_path: Path) -> None:
    endpoint = Endpoint("https://reg.example:5000")
    assert isinstance(tls_context(endpoint, str(tmp_path)), ssl.SSLContext)
    folder = tmp_path / "reg.example:5000"
    folder.mkdir()
    (folder / "ca.crt").write_text("no certificate")
    with pytest.raises(SystemFailure, match=r"ca\.crt"):
        tls_context(endpoint, str(tmp_path))
    (folder / "ca.crt").unlink()
    (folder / "client.cert").write_text("x")
    with pytest.raises(SystemFailure, match=r"missing key .*client\.key"):
        tls_context(endpoint, str(tmp_path))


def test_an_unchecked_endpoint_takes_any_certificate(tmp_path: Path) -> None:
    context = tls_context(Endpoint("https://a", verify=False), str(tmp_path))
    assert context.verify_mode == ssl.CERT_NONE
    assert not context.check_hostname


def test_proxies_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_of(Endpoint("https://reg.example")) == "http://proxy.example:3128"
    assert proxy_of(Endpoint("https://inside.example")) is None
    assert proxy_of(Endpoint("https://127.0.0.1:5000")) is None
