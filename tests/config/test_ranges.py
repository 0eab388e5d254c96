"""Values of the configuration file that can't work are refused where they stand."""

from pathlib import Path

import pytest

from broker.config import ConfigError, load_config

FUNCTION = '[[function]]\nname = "f"\ninvoker = "subprocess"\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (FUNCTION + "retry_delays_s = [1, -1]", "function[0].retry_delays_s[1]"),
        (FUNCTION + "reserved_concurrency = -1", "function[0].reserved_concurrency"),
        ("[functions]\nconcurrency = 0", "functions.concurrency"),
        ("[broker]\nshutdown_grace_s = -1", "broker.shutdown_grace_s"),
        ("[store]\nquota_mb = 0", "store.quota_mb"),
        ("[http]\nconnections_max = 0", "http.connections_max"),
    ],
)
def test_a_value_out_of_range_is_refused_by_line_and_key(
    tmp_path: Path, text: str, key: str
) -> None:
    path = tmp_path / "broker.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load_config(path)
    line = text.count("\n") + 1
    assert str(refusal.value).startswith(f"{path}:{line}: {key}: ")


def test_no_execution_may_be_reserved(tmp_path: Path) -> None:
    path = tmp_path / "broker.toml"
    path.write_text(FUNCTION + "reserved_concurrency = 0")
    assert load_config(path).function[0].reserved_concurrency == 0
