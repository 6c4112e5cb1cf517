import base64
import json

from restd.api.routes.files import PATH_STAT, described
from restd.image.tree import PathStat


def test_a_path_is_described_in_a_header() -> None:
    stat = PathStat("f", 3, 0o644, 1_500_000_000, "/target", directory=False)
    value = json.loads(base64.b64decode(described(stat)[PATH_STAT]))
    assert value == {
        "name": "f",
        "size": 3,
        "mode": 0o644,
        "mtime": "1970-01-01T00:00:01.500000000Z",
        "linkTarget": "/target",
    }
