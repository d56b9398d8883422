"""The number of sessions reaches CloudWatch (moto's server), a datapoint a minute; trouble stays away."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.app_loader import load
from tests.servers import fresh_app
from tests.shell.running import eventually, free_port

from flet_cluster.cloudwatch import PERIOD, SessionsMetric, seconds_until_due
from flet_cluster.errors import SettingsError
from flet_cluster.host.program import program_of
from flet_cluster.hosting import ClusterApp
from flet_cluster.metrics import PrometheusObserver
from flet_cluster.setting_checks import check
from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from tests.aws.amazon import Amazon

NAMESPACE = "FletCluster"
NOWHERE = "/dev/null/none"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": NOWHERE}


@pytest.fixture
def as_amazon(amazon: Amazon, monkeypatch: pytest.MonkeyPatch) -> Amazon:
    for name, value in amazon.env.items():
        monkeypatch.setenv(name, value)
    return amazon


def published(amazon: Amazon, app: str, *statistics: str) -> list[dict[str, Any]]:
    """What CloudWatch makes of the last minutes, as autoscaling asks for it."""
    now = datetime.now(UTC)
    answer = amazon.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="Sessions",
        Dimensions=[{"Name": "App", "Value": app}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=PERIOD,
        Statistics=list(statistics),
    )
    datapoints: list[dict[str, Any]] = answer["Datapoints"]
    return datapoints


def metric(app: str, sessions: int, observer: PrometheusObserver, **options: Any) -> SessionsMetric:
    return SessionsMetric(NAMESPACE, app, lambda: sessions, observer, **options)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "cloudwatch" in thread.name]


def test_a_minute_has_one_datapoint_of_each_process() -> None:
    for phase in (5.0, 17.25, 55.0):
        now, minutes = 1_700_000_003.7, []
        for _ in range(200):
            now += seconds_until_due(now, phase)
            minutes.append(now // PERIOD)
            now += 0.3  # what the call took
        assert minutes == list(range(int(minutes[0]), int(minutes[0]) + 200))


def test_cloudwatch_sees_the_average_of_a_process(as_amazon: Amazon) -> None:
    app, observer = fresh_app(), PrometheusObserver()
    at = time.time() // PERIOD * PERIOD
    for sessions, second in ((300, 7), (100, 31), (20, 54)):
        metric(app, sessions, observer, clock=lambda second=second: at + second).publish()
    (minute,) = published(as_amazon, app, "Average", "Sum", "SampleCount")
    assert (minute["Average"], minute["Sum"], minute["SampleCount"]) == (140, 420, 3)
    assert minute["Timestamp"].timestamp() == at
    assert minute["Unit"] == "Count"
    assert "cloudwatch_errors" not in observer.text()


async def test_a_node_publishes_while_it_runs(as_amazon: Amazon) -> None:
    app = fresh_app()
    settings = Settings(app_name=app, cloudwatch_namespace=NAMESPACE).with_secret_key()
    cluster_app = ClusterApp(program_of(load("counter").main), settings)
    (companion,) = cluster_app.companions
    assert isinstance(companion, SessionsMetric)
    companion._clock, companion._phase = lambda: 9.98 + time.time() // 60 * 60, 10.0  # due all the time
    assert threads() == []
    node = await cluster_app.start()
    node.seats.update({"one": object(), "two": object()})  # type: ignore[dict-item]
    try:
        eventually(
            lambda: [p for p in published(as_amazon, app, "Maximum") if p["Maximum"] == 2], "two sessions"
        )
        assert len(threads()) == 1
    finally:
        node.seats.clear()
        await cluster_app.stop()
    eventually(lambda: threads() == [], "the thread ends with its node")


def test_trouble_is_counted_and_told_once(
    as_amazon: Amazon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app, observer = fresh_app(), PrometheusObserver()
    publisher = metric(app, 5, observer)
    with as_amazon.demanding_credentials():
        publisher.publish()
        publisher.publish()
    (refusal,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "InvalidClientTokenId" in refusal.getMessage()
    assert "cloudwatch:PutMetricData for the namespace 'FletCluster'" in refusal.getMessage()
    assert 'reason="403"} 2.0' in observer.text()  # moto's errors are XML, and so without a code
    with caplog.at_level(logging.INFO):
        publisher.publish()
    assert caplog.messages[-1] == "CloudWatch gets the number of sessions again"
    assert [point["Average"] for point in published(as_amazon, app, "Average")] == [5]


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:{port}"}, "EndpointConnectionError"),
        ({"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": NOWHERE}, "NoRegionError"),
        (
            {
                "AWS_ACCESS_KEY_ID": "",
                "AWS_SECRET_ACCESS_KEY": "",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null/none",
            },
            "NoCredentialsError",
        ),
    ],
)
def test_what_is_missing_is_named(
    as_amazon: Amazon,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    env: dict[str, str],
    reason: str,
) -> None:
    for name, value in env.items():
        if value:
            monkeypatch.setenv(name, value.format(port=free_port()))
        else:
            monkeypatch.delenv(name)
    observer = PrometheusObserver()
    metric(fresh_app(), 1, observer).publish()
    assert f'reason="{reason}"}} 1.0' in observer.text()
    assert "nothing is scaled by it" in caplog.text


def test_a_reading_that_fails_is_an_error_like_others(as_amazon: Amazon) -> None:
    observer = PrometheusObserver()

    def fail() -> int:
        raise LookupError

    SessionsMetric(NAMESPACE, fresh_app(), fail, observer).publish()
    assert 'reason="LookupError"} 1.0' in observer.text()


def test_off_by_default() -> None:
    assert ClusterApp(program_of(load("counter").main), Settings().with_secret_key()).companions == []


def test_amazons_own_namespaces_are_refused() -> None:
    with pytest.raises(SettingsError, match="choose another"):
        check(Settings(cloudwatch_namespace="AWS/ECS"))


def test_without_botocore_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"flet-cluster\[cloudwatch\]"):
        check(Settings(cloudwatch_namespace=NAMESPACE))
