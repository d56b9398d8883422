"""The stacks are made on moto's server; the task they define starts as a process, and stops in time."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.aws.stacks import KEY, NAMES, UNKNOWN, deploy, resources, template
from tests.servers import running
from tests.shell.running import ROOT, eventually, free_port

from flet_cluster.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.aws.amazon import Amazon
    from tests.aws.stacks import Stacks

LEFT_OUT = UNKNOWN | {"AWS::CloudWatch::Alarm", "AWS::SNS::Subscription"}
CODE = "from flet_cluster.cli import main; main()"


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with running("valkey") as url:
        yield url


@pytest.fixture(scope="module")
def stacks(amazon: Amazon, redis_url: str) -> Stacks:
    return deploy(amazon, redis_url)


def resolved(stacks: Stacks, name: str, value: Any) -> Any:  # noqa: PLR0911  a function each
    """A value of a template with its functions carried out, as far as moto knows what they refer to."""
    if isinstance(value, list):
        return [resolved(stacks, name, each) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            defaults = {k: v.get("Default") for k, v in template(name)["Parameters"].items()}
            given = {"AppName": "shop", "Base": "base", "Data": "data"}
            return given.get(argument) or defaults.get(argument) or stacks.ids[name].get(argument, argument)
        if function == "Fn::ImportValue":
            return stacks.outputs["base"].get(argument["Fn::Sub"].rpartition("-")[2], "imported")
        if function == "Fn::Sub":
            return argument.replace("${Workers}", "1")
        if function == "Fn::GetAtt":
            return stacks.ids[name].get(str(argument).partition(".")[0], "made")
    return {key: resolved(stacks, name, each) for key, each in value.items()}


def test_what_moto_makes_and_what_it_leaves_out(stacks: Stacks) -> None:
    for name in NAMES:
        kinds = {key: each["Type"] for key, each in template(name)["Resources"].items()}
        missing = {kind for key, kind in kinds.items() if key not in stacks.ids[name]}
        assert missing <= LEFT_OUT


def test_zones_and_ways_out(stacks: Stacks, amazon: Amazon) -> None:
    ec2, base = amazon.client("ec2"), stacks.ids["base"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [base["Vpc"]]}])["Subnets"]
    zones = {each["SubnetId"]: each["AvailabilityZone"] for each in subnets}
    for kind in ("Public", "Private"):
        assert len({zones[base[f"{kind}Subnet{letter}"]] for letter in "AB"}) == 2
    for letter in "AB":
        found = ec2.describe_route_tables(RouteTableIds=[base[f"PrivateRoutes{letter}"]])["RouteTables"]
        ways = [each for each in found[0]["Routes"] if each.get("DestinationCidrBlock") == "0.0.0.0/0"]
        assert [way.get("NatGatewayId") for way in ways] == [base[f"Nat{letter}"]]


def test_only_neighbours_are_let_in(stacks: Stacks, amazon: Amazon) -> None:
    base = stacks.ids["base"]
    for group, neighbour, ports in (
        ("TaskGroup", "BalancerGroup", {8000, 9700}),
        ("RedisGroup", "TaskGroup", {6379}),
    ):
        (found,) = amazon.client("ec2").describe_security_groups(GroupIds=[base[group]])["SecurityGroups"]
        assert {each["FromPort"] for each in found["IpPermissions"]} == ports
        for each in found["IpPermissions"]:
            assert each["IpRanges"] == []
            assert [pair["GroupId"] for pair in each["UserIdGroupPairs"]] == [base[neighbour]]


def test_health_checks_and_listeners(stacks: Stacks, amazon: Amazon) -> None:
    elb, service = amazon.client("elbv2"), stacks.ids["service"]
    (targets,) = elb.describe_target_groups(TargetGroupArns=[service["Targets"]])["TargetGroups"]
    assert (targets["HealthCheckPath"], targets["HealthCheckPort"], targets["Port"]) == (
        "/readyz",
        "9700",
        8000,
    )
    found = elb.describe_listeners(LoadBalancerArn=service["Balancer"])["Listeners"]
    actions = {each["Port"]: each["DefaultActions"][0] for each in found}
    assert actions[443]["TargetGroupArn"] == service["Targets"]
    assert actions[80]["RedirectConfig"] == {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}


def policies(amazon: Amazon, role: str) -> list[dict[str, Any]]:
    iam = amazon.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    found = [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]
    return [
        statement
        for document in found
        for statement in (eval(document) if isinstance(document, str) else document)["Statement"]
    ]


def test_an_app_may_touch_its_uploads_and_one_metric_only(stacks: Stacks, amazon: Amazon) -> None:
    rights = {each["Sid"]: each for each in policies(amazon, stacks.ids["service"]["TaskRole"])}
    bucket = f"arn:aws:s3:::{stacks.outputs['data']['Uploads']}"
    assert rights["Uploads"]["Resource"] == f"{bucket}/shop/*"
    assert rights["ListUploads"]["Condition"] == {"StringLike": {"s3:prefix": "shop/*"}}
    unlimited = {sid for sid, each in rights.items() if each["Resource"] == "*" and "Condition" not in each}
    assert unlimited == set()
    assert rights["SessionsMetric"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": "FletCluster"}}


def test_who_starts_tasks_may_read_their_secrets_only(stacks: Stacks, amazon: Amazon) -> None:
    rights = {each["Sid"]: each for each in policies(amazon, stacks.ids["service"]["ExecutionRole"])}
    data = stacks.outputs["data"]
    assert rights["Secrets"]["Resource"] == [data["SecretKeyArn"], data["RedisUrlArn"]]
    assert stacks.outputs["service"]["LogGroup"] in rights["Log"]["Resource"]
    assert {sid for sid, each in rights.items() if each["Resource"] == "*"} == {"Image"}


def test_logs_end(stacks: Stacks, amazon: Amazon) -> None:
    (group,) = amazon.client("logs").describe_log_groups()["logGroups"]
    assert group["retentionInDays"] == 30


def test_amazon_understands_alarms_and_policies(stacks: Stacks, amazon: Amazon) -> None:
    """moto's CloudFormation leaves them out, so their own services get them: botocore checks each field."""
    cloudwatch, scaling = amazon.client("cloudwatch"), amazon.client("application-autoscaling")
    alarms = {
        alarm: resolved(stacks, name, properties)
        for name in ("data", "service")
        for alarm, properties in resources(name, "CloudWatch::Alarm").items()
    }
    for alarm, properties in alarms.items():
        cloudwatch.put_metric_alarm(AlarmName=alarm, **properties)
    found = {each["AlarmName"]: each for each in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert set(found) == set(alarms)
    topic = stacks.outputs["base"]["AlarmTopic"]
    assert all(each["AlarmActions"] == each["OKActions"] == [topic] for each in found.values())
    assert found["NoTasksAlarm"]["TreatMissingData"] == "breaching"

    where = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    service = stacks.outputs["service"]
    where["ResourceId"] = f"service/{service['ClusterName']}/{service['ServiceName']}"
    (target,) = resources("service", "ApplicationAutoScaling::ScalableTarget").values()
    limits = {key: resolved(stacks, "service", target[key]) for key in ("MinCapacity", "MaxCapacity")}
    scaling.register_scalable_target(**where, **limits)
    for properties in resources("service", "ApplicationAutoScaling::ScalingPolicy").values():
        plain = resolved(stacks, "service", {**properties})
        del plain["ScalingTargetId"]
        scaling.put_scaling_policy(**where, **plain)
    kept = {
        each["PolicyName"]: each["TargetTrackingScalingPolicyConfiguration"]
        for each in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    }
    assert set(kept) == {"cpu", "sessions-per-task"}
    metrics = kept["sessions-per-task"]["CustomizedMetricSpecification"]["Metrics"]
    assert [each.get("Expression") for each in metrics] == [None, "per_process * 1"]
    assert metrics[0]["MetricStat"]["Stat"] == "Average"
    assert metrics[0]["MetricStat"]["Metric"]["Dimensions"] == [{"Name": "App", "Value": "shop"}]


@contextlib.contextmanager
def task(amazon: Amazon, folder: Path, definition: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Start what a task definition says, with its command, variables and secrets; yields the variables."""
    (container,) = definition["containerDefinitions"]
    env = {each["name"]: each["value"] for each in container["environment"]}
    for each in container["secrets"]:
        arn, key = (each["valueFrom"].split(":key::")[0].split(":fallbacks::")[0], "")
        text = amazon.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
        key = each["valueFrom"].removeprefix(arn).strip(":")
        env[each["name"]] = json.loads(text)[key] if key else text
    here = {"HOME": str(folder), "FLET_CLUSTER_CACHE_DIR": "/dev/null/none", "PYTHONPATH": str(ROOT)}
    here |= {"FLET_CLUSTER_PORT": str(free_port()), "FLET_CLUSTER_MANAGEMENT_PORT": str(free_port())}
    assert container["entryPoint"] == ["flet-cluster"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", CODE, *container["command"]],
            env={"PATH": os.environ["PATH"], **env, **amazon.env, **here},
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield {**env, **here}
        process.terminate()
        assert process.wait(container["stopTimeout"]) == 0
    finally:
        process.kill()
        process.wait(10)


def ready(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url).status_code == 200
    return False


def test_a_task_starts_and_is_healthy_where_the_load_balancer_looks(
    stacks: Stacks, amazon: Amazon, redis_url: str, tmp_path: Path
) -> None:
    arn = stacks.ids["service"]["Task"]
    definition = amazon.client("ecs").describe_task_definition(taskDefinition=arn)["taskDefinition"]
    (targets,) = amazon.client("elbv2").describe_target_groups()["TargetGroups"]
    with task(amazon, tmp_path, definition) as env:
        assert (env["FLET_CLUSTER_SECRET_KEY"], env["FLET_CLUSTER_REDIS_URL"]) == (KEY, redis_url)
        assert env["FLET_CLUSTER_SECRET_KEY_FALLBACKS"] == ""
        url = f"http://127.0.0.1:{env['FLET_CLUSTER_MANAGEMENT_PORT']}{targets['HealthCheckPath']}"
        eventually(lambda: ready(url), "healthy", timeout=90)
        assert "cloudwatch" not in (tmp_path / "log").read_text().lower()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert any("serving app shop" in line["message"] for line in lines)


def test_the_task_publishes_what_is_scaled_by() -> None:
    """Names in the template are those that the publisher uses."""
    from flet_cluster import cloudwatch  # noqa: PLC0415

    policy = resources("service", "ApplicationAutoScaling::ScalingPolicy")["ScalingBySessions"]
    specification = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]
    (metric,) = (each["MetricStat"]["Metric"] for each in specification["Metrics"] if "MetricStat" in each)
    assert metric["MetricName"] == cloudwatch.METRIC
    assert [each["Name"] for each in metric["Dimensions"]] == [cloudwatch.DIMENSION]
    (definition,) = resources("service", "ECS::TaskDefinition").values()
    env = {each["Name"]: each["Value"] for each in definition["ContainerDefinitions"][0]["Environment"]}
    assert env["FLET_CLUSTER_CLOUDWATCH_NAMESPACE"] == metric["Namespace"]
    assert Settings(cloudwatch_namespace=metric["Namespace"]).cloudwatch_namespace == metric["Namespace"]
