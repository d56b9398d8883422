"""The key changes in three steps; at each, what any task may have sealed can be opened by all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from infra.aws.rotate_key import STEPS, RolledBackError, changed, run

from flet_cluster.snapshot import KeyRing

if TYPE_CHECKING:
    from tests.aws.amazon import Amazon

OLD, NEW = "the old key which is long", "the new key which is long"


def ring(secret: dict[str, str]) -> KeyRing:
    """The keys of a task, as ECS gives it the secret's parts."""
    return KeyRing((secret["key"], *(key for key in secret["fallbacks"].split(",") if key)))


def test_tasks_before_and_after_a_step_open_each_others_sessions() -> None:
    secret = {"key": OLD, "fallbacks": ""}
    for step in STEPS[:2]:
        after = changed(secret, step, NEW)
        for mine, theirs in ((secret, after), (after, secret)):
            sealed = ring(mine).seal(b"session", purpose="snapshot", context=("shop", "one", 1))
            assert ring(theirs).open(sealed, purpose="snapshot", context=("shop", "one", 1)) == b"session"
        secret = after
    assert changed(secret, "finish", NEW) == {"key": NEW, "fallbacks": ""}


@pytest.mark.parametrize(
    ("secret", "step"),
    [
        ({"key": OLD, "fallbacks": ""}, "switch"),
        ({"key": OLD, "fallbacks": ""}, "finish"),
        ({"key": OLD, "fallbacks": NEW, "next": NEW}, "prepare"),
        ({"key": OLD, "fallbacks": NEW, "next": NEW}, "finish"),
        ({"key": NEW, "fallbacks": OLD}, "prepare"),
        ({"key": NEW, "fallbacks": OLD}, "switch"),
    ],
)
def test_a_step_out_of_turn_changes_nothing(secret: dict[str, str], step: str) -> None:
    with pytest.raises(ValueError, match=r"prepare|switch"):
        changed(secret, step, "another")


def test_a_deployment_that_was_rolled_back_is_no_success() -> None:
    class Service:
        """A service whose new tasks do not become healthy: it has its earlier ones when it is stable."""

        stored: str = json.dumps({"key": OLD, "fallbacks": ""})

        def __call__(self, _: str) -> Any:
            return self

        def describe_stacks(self, **_: Any) -> Any:
            names = ("ClusterName", "ServiceName", "SecretKeyArn")
            return {"Stacks": [{"Outputs": [{"OutputKey": name, "OutputValue": name} for name in names]}]}

        def get_secret_value(self, **_: Any) -> Any:
            return {"SecretString": self.stored}

        def put_secret_value(self, SecretString: str, **_: Any) -> None:  # noqa: N803  its name there
            self.stored = SecretString

        def update_service(self, **_: Any) -> Any:
            return {"service": {"deployments": [{"id": "new", "status": "PRIMARY"}]}}

        def get_waiter(self, _: str) -> Any:
            return self

        def wait(self, **_: Any) -> None: ...

        def describe_services(self, **_: Any) -> Any:
            return {"services": [{"deployments": [{"id": "old", "status": "PRIMARY"}]}]}

    with pytest.raises(RolledBackError):
        run(Service(), "prepare", "shop", "shop-data")


def test_all_steps_on_a_service(amazon: Amazon) -> None:
    manager, ecs = amazon.client("secretsmanager"), amazon.client("ecs")
    arn = manager.create_secret(Name="rotated", SecretString=json.dumps({"key": OLD, "fallbacks": ""}))["ARN"]
    ecs.create_cluster(clusterName="c")
    ecs.register_task_definition(
        family="t", containerDefinitions=[{"name": "app", "image": "i", "memory": 64}]
    )
    ecs.create_service(cluster="c", serviceName="s", taskDefinition="t", desiredCount=0)
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {
            name: {"Value": value}
            for name, value in {"SecretKeyArn": arn, "ClusterName": "c", "ServiceName": "s"}.items()
        },
    }
    amazon.client("cloudformation").create_stack(StackName="rotated", TemplateBody=json.dumps(template))

    def secret() -> Any:
        return json.loads(manager.get_secret_value(SecretId=arn)["SecretString"])

    keys = []
    for step in STEPS:
        run(amazon.client, step, "rotated", "rotated")
        keys.append(secret()["key"])
    assert keys[0] == OLD
    assert keys[1] == keys[2] != OLD
    assert secret() == {"key": keys[1], "fallbacks": ""}
