"""`qwen-gateway routes`: what a model's name means, in the repository and in a stack."""

import json

from qwen_gateway import config
from qwen_gateway.routing import Routes
from tests.integration.cli.conftest import CloudFormation
from tests.integration.cli.operator import STACK, Run, described_stack


def test_without_a_stack_the_routes_are_the_repositorys_own(run: Run) -> None:
    ended = run("routes", "--json")
    shown = {
        name: [(target["provider"], target["model"]) for target in chain]
        for name, chain in json.loads(ended.out).items()
    }
    own = Routes(config.parse("")).all()
    assert shown == {name: [(target.provider, target.model) for target in chain] for name, chain in own.items()}
    assert "gateway.toml" in ended.err
    assert shown["qwen-plus"]


def test_a_stacks_configuration_is_merged_over_it(run: Run, cloudformation: CloudFormation) -> None:
    changes = {"providers": {"mine": {"base_url": "https://qwen.example.com/v1"}}, "default_provider": "mine"}
    cloudformation(described_stack(gateway_config=json.dumps(changes)))
    shown = json.loads(run("routes", "--json", "--stack", STACK).out)
    assert {target["provider"] for chain in shown.values() for target in chain} == {"mine"}


def test_a_person_sees_every_route(run: Run) -> None:
    shown = run("routes").out
    assert all(name in shown for name in Routes(config.parse("")).all())


def test_a_wrong_configuration_is_one_line_that_names_the_key(run: Run, cloudformation: CloudFormation) -> None:
    cloudformation(described_stack(gateway_config='{"timeouts": {"connect": 0}}'))
    ended = run("routes", "--stack", STACK)
    assert ended.status == 1
    assert "timeouts.connect" in ended.err
    assert ended.out == ""
