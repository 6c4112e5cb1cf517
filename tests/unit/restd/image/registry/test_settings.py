from restd.image.registry.settings import RegistrySettings


def test_nothing_is_insecure_unless_said() -> None:
    assert RegistrySettings().insecure == ()
    assert RegistrySettings().mirrors == ()
